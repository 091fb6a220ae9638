"""The projector: the copy of stock is kept up to date for as long as this process has it. Yours."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeAlias

from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.following import Bounds, Place, unfollowable
from python_app_template.core.domain.events import Event
from python_app_template.core.ports.clock import Clock
from python_app_template.core.ports.following import Followed
from python_app_template.core.ports.stock_copy import Standing, StockCopy
from python_app_template.core.ports.views import StockViews
from python_app_template.core.use_cases.follow_stock import FollowStock, Saw
from python_app_template.core.use_cases.settle_batch import Pause

QUEUE_EVERY: Final = 1.0
"""Seconds between two tries to get the copy from another projector."""

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at the log: a topic made anew, or truncated, tells nobody by itself."""

Rebuild: TypeAlias = Callable[[], Awaitable[Standing]]
Looked: TypeAlias = Callable[[Place, Bounds], None]
"""Told of how far the copy is, and where the log ends."""
Rebuilding: TypeAlias = Callable[[str], None]
"""Told why the copy is made anew."""


class ProjectStock:
    """One at a time has the copy, others queue.

    - After any fault the copy is claimed again, and its place read again: nothing of what this process knew counts.
    - A copy that is not there, or stands at a place that the log has no more, is made anew.
    """

    def __init__(
        self,
        log: Followed[Event],
        copy: StockCopy,
        tables: StockViews,
        rebuild: Rebuild,
        pause: Pause,
        clock: Clock,
        saw: Saw,
        looked: Looked,
        rebuilding: Rebuilding,
    ) -> None:
        self._log, self._copy, self._tables, self._rebuild = log, copy, tables, rebuild
        self._pause, self._clock, self._saw = pause, clock, saw
        self._looked, self._rebuilding = looked, rebuilding
        self._draining, self._tries = False, 0

    def drain(self) -> None:
        """Finish the stretch in hand, then end."""
        self._draining = True

    async def __call__(self) -> None:
        """Run until drained. Raises FatalError, and whatever is a bug."""
        while not self._draining:
            try:
                await self._hold()
            except TransientError:
                self._tries += 1
                await self._pause(self._tries)
        await self._release()

    async def _hold(self) -> None:
        standing = await self._copy.claim()
        if standing is None:
            await self._clock.sleep(QUEUE_EVERY)
            return
        at, bounds = self._clock.monotonic(), await self._log.look()
        why = "nothing_there" if standing.place is None else unfollowable(standing.place, bounds)
        if why is not None:
            self._rebuilding(why)
            standing = await self._rebuild()
        if standing.generation is not None and standing.place is not None:
            following = self._following(standing.generation, standing.place)
            following.looked(at, bounds)
            await self._follow(following)

    def _following(self, generation: str, place: Place) -> FollowStock:
        return FollowStock(generation, place, self._log, self._copy, self._tables, self._clock, self._saw)

    async def _follow(self, following: FollowStock) -> None:
        """Go on until drained, or until the log is another one."""
        await self._log.start(following.place)
        looked_at = self._clock.monotonic()
        while not self._draining:
            await following.advance()
            self._tries = 0
            if self._clock.monotonic() - looked_at >= LOOK_EVERY:
                place, looked_at = following.place, self._clock.monotonic()
                bounds = await self._log.look()
                self._looked(place, bounds)
                if unfollowable(place, bounds) is not None:
                    return
                following.looked(looked_at, bounds)

    async def _release(self) -> None:
        with suppress(TransientError):  # then it is missed soon enough
            await self._copy.release()
