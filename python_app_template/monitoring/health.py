"""The state behind /health: what fails (unready), and what moves no more without a reason (not live). No clock, no IO.

Live is judged by progress: a process that answers but does nothing is dead, one whose database is away is not.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

WAY_OUT = "way out"
"""What work needs that stands still on purpose while too much is committed and not published."""


class Check(NamedTuple):
    """One thing that was looked at. `detail` is a readable line, "" when there is nothing to say."""

    name: str
    ok: bool
    detail: str


@dataclass(slots=True)
class _Work:
    needs: frozenset[str]
    since: float | None = None
    """When work began to wait, or last moved; None while nothing waits."""


class Health:
    """What the parts of the service report, and the verdicts made of it.

    `now` is monotonic seconds everywhere. `beat` may be called from any thread, the rest from the event loop.
    Whatever has never reported is not judged.
    """

    def __init__(self, stalled_seconds: float) -> None:
        self._stalled = stalled_seconds
        self._beats: dict[str, float] = {}
        self._work: dict[str, _Work] = {}
        self._checks: dict[str, Check] = {}
        self._away: dict[str, str | None] = {}
        self._halts: dict[str, str] = {}
        self._pressure: str | None = None

    # What is reported

    def beat(self, part: str, now: float) -> None:
        """Say that a thread, or the event loop, goes round."""
        self._beats[part] = now

    def ended(self, part: str) -> None:
        """A thread ended on purpose, or a partition is another process's: its silence means nothing now."""
        self._beats.pop(part, None)
        self._work.pop(part, None)
        self._halts.pop(part, None)

    def waits(self, part: str, now: float, needs: Collection[str] = ()) -> None:
        """Work waits in a part, which needs these dependencies. Repeating it does not make it younger."""
        work = self._work.setdefault(part, _Work(frozenset(needs)))
        work.since = now if work.since is None else work.since

    def moved(self, part: str, now: float) -> None:
        """A part got on with its work, and more of it may wait."""
        if (work := self._work.get(part)) and work.since is not None:
            work.since = now

    def excused(self, part: str, seconds: float) -> None:
        """So long nobody came to this part's work, as other work was at hand: that time does not count."""
        if (work := self._work.get(part)) and work.since is not None:
            work.since += seconds

    def rests(self, part: str) -> None:
        """Nothing waits in a part, or it is paused on purpose."""
        if work := self._work.get(part):
            work.since = None

    def away(self, dependency: str, why: str) -> None:
        """A dependency does not answer: unready, and whoever needs it may stand still."""
        self._away[dependency] = why

    def back(self, dependency: str, now: float) -> None:
        """A dependency answers; who waited for it has the whole time again."""
        if self._away.get(dependency) is not None:
            self._again([work for work in self._work.values() if dependency in work.needs], now)
        self._away[dependency] = None

    def halted(self, part: str, why: str) -> None:
        """A part stands still until a person decides: unready, and not dead."""
        self._halts[part] = why

    def resumed(self, part: str, now: float) -> None:
        """A part that was halted goes on."""
        if self._halts.pop(part, None) is not None:
            self._again([work for name, work in self._work.items() if name == part], now)

    def pressed(self, why: str | None, now: float) -> None:
        """The way out is blocked (too much is committed and not published): unready; None when it is free."""
        if why is None and self._pressure is not None:
            self._again([work for work in self._work.values() if WAY_OUT in work.needs], now)
        self._pressure = why

    def checked(self, name: str, *, ok: bool, detail: str = "") -> None:
        """Note the last result of a named check."""
        self._checks[name] = Check(name, ok, detail)

    # What is made of it

    def readiness(self) -> list[Check]:
        """All that has to be well for the service to do its work."""
        return [
            *self._checks.values(),
            *(Check(name, why is None, why or "") for name, why in sorted(self._away.items())),
            *(Check(part, ok=False, detail=f"halted: {why}") for part, why in sorted(self._halts.items())),
            Check(WAY_OUT, self._pressure is None, self._pressure or ""),
        ]

    def liveness(self, now: float) -> list[Check]:
        """What would be mended by a restart, and by nothing else."""
        return [*self._pulses(now), *self._progress(now)]

    def _pulses(self, now: float) -> Iterator[Check]:
        # A copy: other threads report.
        for part, beat in sorted(self._beats.copy().items()):
            silent = now - beat
            yield Check(part, silent <= self._stalled, f"silent for {silent:.0f} s" if silent > self._stalled else "")

    def _progress(self, now: float) -> Iterator[Check]:
        for part, work in sorted(self._work.items()):
            still = 0.0 if work.since is None or self._excused(part, work) else now - work.since
            detail = f"work has waited for {still:.0f} s though all it needs answers"
            yield Check(part, still <= self._stalled, detail if still > self._stalled else "")

    def _excused(self, part: str, work: _Work) -> bool:
        away = any(self._away.get(dependency) is not None for dependency in work.needs)
        return away or part in self._halts or (WAY_OUT in work.needs and self._pressure is not None)

    def _again(self, works: Collection[_Work], now: float) -> None:
        for work in works:
            work.since = None if work.since is None else now
