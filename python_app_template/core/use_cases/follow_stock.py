"""One generation of the copy, kept up to date from the log. Yours."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from python_app_template.core.delivery.following import Bounds, Place
from python_app_template.core.domain.events import Event
from python_app_template.core.domain.projection import Change, Folded, fold
from python_app_template.core.ports.clock import Clock
from python_app_template.core.ports.following import Followed
from python_app_template.core.ports.stock_copy import Displaced, StockCopy
from python_app_template.core.ports.views import StockViews

UNKNOWN: Final = -1.0
"""An age that is not known."""

RENEW_EVERY: Final = 1.0
"""Seconds within which a place is proved to be the copy's, also when nothing comes."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one call did to the copy: events that were applied or dropped, and SKUs that were looked up."""

    applied: int
    dropped: int
    reloaded: int


Saw: TypeAlias = Callable[[Step], None]


class FollowStock:
    """Takes in what the log brings, stretch by stretch.

    - Only version = current + 1 applies, a smaller one is dropped; a gap has the SKU looked up in the tables, as of one
      moment, and what they hold takes its place. They are never behind an event: it is published after its commit.
    - Values and place move together or not at all. Whoever finds the copy elsewhere gives up (Displaced).
    """

    def __init__(
        self,
        generation: str,
        place: Place,
        log: Followed[Event],
        copy: StockCopy,
        tables: StockViews,
        clock: Clock,
        saw: Saw,
    ) -> None:
        self.generation, self.place = generation, place
        self._log, self._copy, self._tables, self._clock, self._saw = log, copy, tables, clock, saw
        self._awaited: tuple[float, Bounds] | None = None
        self._latest: tuple[float, Bounds] | None = None
        self._fresh_at: float | None = None
        self._moved_at: float | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether it has held, once, all that was committed."""
        return self._fresh_at is not None

    def looked(self, at: float, bounds: Bounds) -> None:
        """Learn where the log ended at a time that is not later than the look (monotonic seconds)."""
        self._latest = (at, bounds)
        self._awaited = self._awaited or self._latest

    async def advance(self) -> None:
        """Take in the next stretch, or none, and prove the place. Raises TransientError, Displaced."""
        stretch = await self._log.read()
        if stretch.events or stretch.offsets or self._is_to_be_renewed():
            await self._apply(stretch.events, stretch.offsets)

    async def _apply(self, events: Sequence[Event], offsets: Mapping[int, int]) -> None:
        versions = await self._move(fold(events), offsets)
        # What was made by the tables is ahead of the log for a while.
        if versions and await self._move(fold(events, versions), offsets):
            raise Displaced("versions changed between two calls", code="displaced")

    async def _move(self, folded: Folded, offsets: Mapping[int, int]) -> Mapping[str, int]:
        reloaded = await self._looked_up(folded.gaps)
        changes = [*folded.changes.values(), *reloaded]
        there = self.place.moved(offsets)
        versions = await self._copy.move(self.generation, self.place, offsets, changes, self._age(there))
        if not versions:
            self.place, self._moved_at = there, self._clock.monotonic()
            self._saw(Step(folded.applied, folded.dropped, len(reloaded)))
        return versions

    async def _looked_up(self, skus: Collection[str]) -> Sequence[Change]:
        return [Change.to(stock) for stock in (await self._tables.stock(skus)).values()] if skus else []

    def _age(self, place: Place) -> float:
        """Seconds since the youngest look whose end was reached; looks that come meanwhile wait for their turn."""
        while self._awaited is not None and place.reaches(self._awaited[1].ends):
            self._fresh_at = self._awaited[0]
            self._awaited = self._latest if self._latest is not self._awaited else None
        return UNKNOWN if self._fresh_at is None else self._clock.monotonic() - self._fresh_at

    def _is_to_be_renewed(self) -> bool:
        return self._moved_at is None or self._clock.monotonic() - self._moved_at >= RENEW_EVERY
