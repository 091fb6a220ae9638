"""Back-pressure from the way out: nothing is taken in while too much waits to be published."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.ports.clock import Clock

COUNT_EVERY = 0.1
"""Seconds between two counts; what can be committed in that time may go beyond the limit."""


class Pending(NamedTuple):
    """What is committed and not yet published."""

    rows: int
    bytes: int


CountPending: TypeAlias = Callable[[], Awaitable[Pending]]


class HoldBack:
    """Return at once while there is room, else once there is some again.

    - Rows and bytes are both limited.
    - `tell` hears why it waits, and None when it goes on.
    - Once drained it holds back no more: there is nothing to be taken in.
    """

    def __init__(self, count: CountPending, limit: Pending, clock: Clock, tell: Callable[[str | None], None]) -> None:
        self._count, self._limit, self._clock, self._tell = count, limit, clock, tell
        self._counted_at = float("-inf")
        self._drained = False

    def drain(self) -> None:
        """Let whoever waits go on."""
        self._drained = True

    async def __call__(self) -> None:
        """As the class says. While the pending rows can't be counted there is room: committing them fails as well."""
        if self._clock.monotonic() - self._counted_at < COUNT_EVERY:
            return
        while (why := await self._too_much()) and not self._drained:
            self._tell(why)
            await self._clock.sleep(COUNT_EVERY)
        self._tell(None)
        self._counted_at = self._clock.monotonic()

    async def _too_much(self) -> str | None:
        try:
            pending = await self._count()
        except TransientError:
            return None
        if pending.rows <= self._limit.rows and pending.bytes <= self._limit.bytes:
            return None
        return f"{pending.rows} rows ({pending.bytes} bytes) are committed and not published: see the relay"
