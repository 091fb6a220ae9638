"""When the outbox is looked at again: at a commit of this process, and now and then for those of others."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

QUIET_SECONDS, LAZIER = 1.0, 5
"""After so long without a row, looks for rows of other processes are so many times rarer: each costs a millisecond."""


class Looking:
    """`poll_seconds` is how soon commits of other processes are seen, `idle_seconds` how long one is waited for."""

    def __init__(self, committed: asyncio.Event, poll_seconds: float, idle_seconds: float) -> None:
        self._committed, self._poll_seconds, self._idle_seconds = committed, poll_seconds, idle_seconds
        self._found_at = float("-inf")

    async def until_more(self, look: Callable[[], Awaitable[Sequence[T]]]) -> Sequence[T]:
        """Look until more is there than the witness alone, or the time is over; return what was seen last."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._idle_seconds
        self._committed.clear()
        while len(found := await look()) == 1 and loop.time() < until:
            await self._wait_for_a_commit(loop.time() - self._found_at)
        if len(found) > 1:
            self._found_at = loop.time()
        return found

    async def _wait_for_a_commit(self, quiet: float) -> None:
        """Return when this process commits, or when it is time to look what others have; then look."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._poll_seconds * (LAZIER if quiet > QUIET_SECONDS else 1)):
                await self._committed.wait()
        self._committed.clear()
