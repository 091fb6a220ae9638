"""A new generation of the copy, made of the tables and the log, and read from once it is whole. Yours."""

from python_app_template.core.domain.events import Event
from python_app_template.core.domain.projection import Change
from python_app_template.core.ports.clock import Clock
from python_app_template.core.ports.following import Followed
from python_app_template.core.ports.stock_copy import Standing, StockCopy, StockSnapshot
from python_app_template.core.ports.views import StockViews
from python_app_template.core.use_cases.follow_stock import UNKNOWN, FollowStock, Saw


class RebuildStock:
    """First the log's end, then the tables as of one later moment, then the events from that end on.

    So each event is in the tables, or comes, or both; its version says which. Until the new generation has caught up,
    with the log and with the one that is read from, nobody sees it. Whoever moves the old one finds itself displaced.
    """

    def __init__(
        self,
        log: Followed[Event],
        copy: StockCopy,
        snapshot: StockSnapshot,
        tables: StockViews,
        clock: Clock,
        saw: Saw,
    ) -> None:
        self._log, self._copy, self._snapshot, self._tables = log, copy, snapshot, tables
        self._clock, self._saw = clock, saw

    async def __call__(self) -> Standing:
        """Return what is read from now. Raises TransientError; what was begun then is swept later."""
        place = (await self._log.look()).end
        generation = await self._copy.begin(place)
        async for page in self._snapshot.pages():
            await self._copy.move(generation, place, {}, map(Change.to, page), UNKNOWN)
        await self._log.start(place)
        following = FollowStock(generation, place, self._log, self._copy, self._tables, self._clock, self._saw)
        following.looked(self._clock.monotonic(), await self._log.look())
        await following.advance()
        while not (following.is_fresh and await self._copy.swap(generation)):
            await following.advance()
        await self._copy.sweep()
        return Standing(generation, following.place)
