"""The machine's clock."""

import asyncio
import time
from datetime import UTC, datetime

from python_app_template.core.ports.clock import Clock


class SystemClock(Clock):
    """Time as the operating system tells it."""

    def now(self) -> datetime:
        """UTC, in microseconds."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let the event loop go on meanwhile."""
        await asyncio.sleep(seconds)
