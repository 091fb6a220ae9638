"""The service's processes during a round, and who starts them again when they end, as an orchestrator would."""

import signal
import threading
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.chaos.arena import Arena, Field, variables
from tests.chaos.catalogue import POLL_SECONDS
from tests.chaos.schedule import Plan, Process
from tests.forking.incarnation import CLOCK, HELD_SECONDS, put_clock
from tests.forking.services import ForkedService

LOOK_SECONDS = 0.02
KILLED = -signal.SIGKILL


class Member:
    """One process and its lives."""

    def __init__(self, arena: Arena, field: Field, plan: Plan, number: int, how: Process, directory: Path) -> None:
        self._seed = f"{plan.seed}/{plan.number}/{number}"
        self._number, self._lives = number, 0
        self.clock = directory / f"clock-{number}"
        put_clock(self.clock, 0.0)
        self.service = ForkedService(
            arena.forks,
            field.proxied,
            directory,
            self.name,
            **variables(plan),
            **field.variables,
            APP_ROLES=how.roles,
            APP_FAILPOINTS__POINTS=how.failpoints,
            **{CLOCK: str(self.clock), HELD_SECONDS: str(POLL_SECONDS + 1)},
        )
        self.is_asked = "api" in how.roles
        self.sent: signal.Signals | None = None
        """What this life was ended with on purpose."""

    @property
    def name(self) -> str:
        """As its log is called."""
        return f"process-{self._number}"

    def last_words(self) -> str:
        """The last line that is no JSON, or else the last."""
        lines = self.service.log().splitlines()
        return next((line for line in reversed(lines[-20:]) if not line.startswith("{")), lines[-1] if lines else "")

    def live(self) -> None:
        """Start it, each time with other dice."""
        self._lives += 1
        self.sent = None
        self.service.environment["APP_FAILPOINTS__SEED"] = str(hash_of(f"{self._seed}/{self._lives}"))
        self.service.start()

    def end(self, number: signal.Signals) -> None:
        """End this life, on purpose."""
        self.sent = number
        self.service.signal(number)

    def how_it_ended(self, code: int) -> tuple[str, bool]:
        """Name the end, and whether it has a reason."""
        lines = self.service.lines()
        last = lines[-1] if lines else {}
        if code == KILLED and self.sent is signal.SIGKILL:
            return "killed", True
        if code == KILLED and last.get("event") == "failpoint.hit" and last["action"] == "crash":
            return "crashed at a failpoint", True
        if code == 0 and self.sent is signal.SIGTERM:
            return "drained", True
        if code == -signal.SIGTERM and self.sent is signal.SIGTERM and last.get("event") in {None, "settings.loaded"}:
            return "ended before it began", True
        return f"exit {code} ({last.get('event')})", False


class Fleet:
    """All of them, looked after while it is entered."""

    def __init__(self, arena: Arena, field: Field, plan: Plan, directory: Path) -> None:
        self.members = [Member(arena, field, plan, number, how, directory) for number, how in enumerate(plan.processes)]
        self.ends: Counter[str] = Counter()
        self.findings: list[str] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look_after, daemon=True)

    def __enter__(self) -> Self:
        for member in self.members:
            member.live()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        for member in self.members:
            member.service.close()

    def member(self, target: int) -> Member:
        """Return the one that a fault is for."""
        return self.members[target % len(self.members)]

    def stop(self) -> None:
        """Ask all to stop, for good; note how they end."""
        self._ending.set()
        self._thread.join()
        for member in self.members:
            if member.service.running:
                member.end(signal.SIGTERM)
        for member in self.members:
            self._note(member)

    def _look_after(self) -> None:
        while not self._ending.wait(LOOK_SECONDS):
            for member in self.members:
                if not member.service.running:
                    self._note(member)
                    member.live()

    def _note(self, member: Member) -> None:
        code = member.service.wait()
        how, explained = member.how_it_ended(code)
        self.ends[how] += 1
        if not explained:
            self.findings.append(f"{member.name} ended by itself: {how}: {member.last_words()}")


def hash_of(text: str) -> int:
    """A number that is the same in every run; Python's own `hash` is not."""
    return int.from_bytes(text.encode(), "big") % (2**61 - 1)
