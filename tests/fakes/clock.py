"""A clock that moves when it is told to, and an event loop whose time is what its timers wait for."""

import asyncio
import selectors
from datetime import UTC, datetime

from python_app_template.core.ports.clock import Clock


class FakeClock(Clock):
    """Sleeping takes no time but moves the clock."""

    def __init__(self, time: float = 0.0) -> None:
        self.time = time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        await asyncio.sleep(0)

    async def pause(self, tries: int) -> None:
        """Back off, as settling and relaying ask for it."""
        await self.sleep(min(0.1 * tries, 1.0))


class _Skipping(selectors.DefaultSelector):
    """Waits for nothing but what is there already: the rest of the time passes at once."""

    time = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0 if timeout is not None else None)
        if not found:
            self.time += timeout or 0.0
        return found


class FakeTimeLoop(asyncio.SelectorEventLoop):
    """Begins at 0 s; when all tasks wait, it is the next timer's time. Not for what waits for threads or sockets."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.time
