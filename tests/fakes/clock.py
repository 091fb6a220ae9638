"""A clock that moves when it is told to."""

import asyncio
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
