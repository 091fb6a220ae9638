"""Where the projector's failpoints are reached: a wrapper of the copy, with its shape. Yours."""

from collections.abc import Iterable, Mapping

from python_app_template.core.delivery.following import Place
from python_app_template.core.domain.projection import Change
from python_app_template.core.ports.stock_copy import Standing, StockCopy
from python_app_template.monitoring.failpoints import Failpoints


def failing_copy(copy: StockCopy, points: Failpoints) -> StockCopy:
    """Fail around what is written."""
    return FailingCopy(copy, points) if points else copy


class FailingCopy(StockCopy):
    """Fails before a call, or after it as if its answer was lost."""

    def __init__(self, inner: StockCopy, points: Failpoints) -> None:
        self._inner, self._points = inner, points

    async def claim(self) -> Standing | None:
        """As the port says."""
        await self._points.reach("projector.before_claim")
        standing = await self._inner.claim()
        await self._points.reach("projector.claimed")
        return standing

    async def release(self) -> None:
        """As the port says."""
        await self._inner.release()

    async def begin(self, place: Place) -> str:
        """As the port says."""
        generation = await self._inner.begin(place)
        await self._points.reach("projector.begun")
        return generation

    async def move(
        self, generation: str, place: Place, offsets: Mapping[int, int], changes: Iterable[Change], age: float
    ) -> Mapping[str, int]:
        """As the port says."""
        await self._points.reach("projector.before_move")
        versions = await self._inner.move(generation, place, offsets, changes, age)
        await self._points.reach("projector.differed" if versions else "projector.moved")
        return versions

    async def swap(self, generation: str) -> bool:
        """As the port says."""
        await self._points.reach("projector.before_swap")
        swapped = await self._inner.swap(generation)
        await self._points.reach("projector.swapped")
        return swapped

    async def sweep(self) -> None:
        """As the port says."""
        await self._inner.sweep()
        await self._points.reach("projector.swept")
