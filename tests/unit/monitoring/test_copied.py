"""When a projector is held for dead: only while it has the copy, work waits, and none of it moves."""

from collections.abc import Iterable, Mapping

from python_app_template.core.delivery.following import Bounds, Place
from python_app_template.core.domain.projection import Change
from python_app_template.core.ports.stock_copy import Standing, StockCopy
from python_app_template.core.use_cases.follow_stock import Step
from python_app_template.monitoring.copied import WatchedCopy, Watcher
from python_app_template.monitoring.monitoring import Monitoring
from tests.fakes.clock import FakeClock

BEHIND, THERE = Place("id", {0: 1}), Place("id", {0: 9})
BOUNDS = Bounds("id", {0: 0}, {0: 9})


class Anothers(StockCopy):
    """A copy that another projector has."""

    async def claim(self) -> Standing | None:
        return None

    async def release(self) -> None: ...

    async def begin(self, place: Place) -> str:
        del place
        return ""

    async def move(
        self, generation: str, place: Place, offsets: Mapping[int, int], changes: Iterable[Change], age: float
    ) -> Mapping[str, int]:
        del generation, place, offsets, changes, age
        return {}

    async def swap(self, generation: str) -> bool:
        del generation
        return True

    async def sweep(self) -> None: ...


class Projector:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.monitoring = Monitoring(self.clock, "1", "test", stalled_seconds=30)
        self.watcher = Watcher(self.monitoring)

    def is_live_after(self, seconds: float) -> bool:
        self.clock.time += seconds
        return all(check.ok for check in self.monitoring.live())


def test_one_that_is_behind_and_does_not_move_is_dead_after_a_while() -> None:
    projector = Projector()
    projector.watcher.looked(BEHIND, BOUNDS)
    assert projector.is_live_after(20)
    projector.watcher.saw(Step(1, 0, 0))
    assert projector.is_live_after(20)
    assert not projector.is_live_after(20)


def test_one_that_is_at_the_end_may_be_silent() -> None:
    projector = Projector()
    projector.watcher.looked(BEHIND, BOUNDS)
    projector.watcher.looked(THERE, BOUNDS)
    assert projector.is_live_after(1000)


def test_one_that_makes_the_copy_anew_has_the_time_that_it_takes() -> None:
    projector = Projector()
    projector.watcher.looked(BEHIND, BOUNDS)
    projector.watcher.rebuilding("log_truncated")
    assert projector.is_live_after(1000)


async def test_one_that_lost_the_copy_to_another_has_nothing_to_do() -> None:
    projector = Projector()
    projector.watcher.looked(BEHIND, BOUNDS)
    assert await WatchedCopy(Anothers(), projector.watcher).claim() is None
    assert projector.is_live_after(1000)
