"""Which kills there are: every failpoint once, and what has to be going on for it to be reached."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from python_app_template.settings.failpoints import PLACES

WORKER, RELAY, REPLAY = "worker", "relay", "replay"

KILLED = tuple(name for name in PLACES if name.partition(".")[0] in {WORKER, RELAY, REPLAY})
"""The failpoints of what is on the way from a message to its events."""


class Prompt(Enum):
    """What makes a process come to its failpoint."""

    LOAD = auto()
    """Messages and events, which go through it all the time."""
    STOP = auto()
    """It is asked to stop once it has work in hand."""
    REBALANCE = auto()
    """Another member joins the group once this one holds everything."""


@dataclass(frozen=True, slots=True)
class Kill:
    """One failpoint, in one process. It gets as far as this `nth` reach, so that it has done work before it dies.

    `until`: another failpoint that kills the process until, after some lives, this one is reached.
    """

    point: str
    nth: int = 1
    prompt: Prompt = Prompt.LOAD
    until: str | None = None
    lives: int = 1

    @property
    def role(self) -> str:
        """The role of the process that dies."""
        return self.point.partition(".")[0]

    @property
    def setting(self) -> str:
        """What the process is given as APP_FAILPOINTS__POINTS."""
        wait = f"{self.nth - 1}*off->" if self.nth > 1 else ""
        also = f";{self.until}=crash" if self.until else ""
        return f"{self.point}={wait}1*crash{also}"


BATCHES = 9
"""Batches that a worker commits before it dies in the next one: three deaths without a commit are another matter."""

PAGES = 4

# A message is announced where processes died three times without a commit in between.
_SUSPECT = {"until": "worker.advanced", "lives": 6}

SPECIAL: Mapping[str, Kill] = {
    kill.point: kill
    for kill in (
        *(Kill(f"worker.{name}", BATCHES) for name in ("fetched", "begun", "advanced", "loaded", "before_commit")),
        Kill("worker.committed", BATCHES),
        *(Kill(f"worker.{name}", **_SUSPECT) for name in ("before_announce", "announced")),  # type: ignore[arg-type]
        *(Kill(f"worker.{name}", prompt=Prompt.STOP) for name in ("before_release", "released")),
        Kill("worker.revoked", prompt=Prompt.REBALANCE),
        *(Kill(f"relay.{name}", PAGES) for name in ("page_read", "begun", "frames_produced", "cursor_produced")),
        *(Kill(f"relay.{name}", PAGES) for name in ("committed", "before_trim", "trimmed")),
    )
}

FIRST = ("relay.before_started",)
"""Reached once in a database's life, so before anything else."""


def plan(points: Iterable[str] = KILLED) -> Mapping[str, Sequence[Kill]]:
    """Return the kills by role, each failpoint once; what needs a second member of the group comes last."""
    wanted = set(points)
    order = [*FIRST, *(name for name in KILLED if name not in FIRST)]
    kills = [SPECIAL.get(name, Kill(name)) for name in order if name in wanted]
    kills.sort(key=lambda kill: kill.prompt is Prompt.REBALANCE)
    return {role: [kill for kill in kills if kill.role == role] for role in (WORKER, RELAY, REPLAY)}
