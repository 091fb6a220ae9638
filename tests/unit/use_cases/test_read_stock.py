"""Where stock is read: from the copy while it can answer, and nobody waits long for one that can't."""

from collections.abc import Collection, Mapping

import pytest

from python_app_template.core.delivery.circuit import Circuit
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.domain.views import StockView
from python_app_template.core.ports.stock_copy import NotCurrent
from python_app_template.core.ports.views import Page, StockViews, Window
from python_app_template.core.use_cases.read_stock import ReadStock
from tests.fakes.clock import FakeClock


class Answering(StockViews):
    """Shows one SKU, whose version says who answered; or raises."""

    def __init__(self, version: int) -> None:
        self.view = StockView("S", version, 0, ())
        self.fault: Exception | None = None
        self.asked = 0

    async def stock(self, skus: Collection[str]) -> Mapping[str, StockView]:
        self._answer()
        return dict.fromkeys(skus, self.view)

    async def page(self, window: Window) -> Page[StockView]:
        del window
        self._answer()
        return Page((self.view,), has_previous=False, has_next=True)

    def _answer(self) -> None:
        self.asked += 1
        if self.fault:
            raise self.fault


class Reading:
    """Both sides, and what was told of each read."""

    def __init__(self) -> None:
        self.copy, self.tables, self.clock, self.told = Answering(1), Answering(2), FakeClock(), list[str]()
        self.views = ReadStock(self.copy, self.tables, Circuit(1.0), self.clock, self.told.append)

    async def version(self) -> int:
        """Which side answered, asked in both ways."""
        (view,) = (await self.views.page(Window(1))).items
        assert (await self.views.stock(["S"]))["S"] == view
        return view.version


async def test_the_copy_answers_and_the_tables_are_left_alone() -> None:
    reading = Reading()
    assert await reading.version() == 1
    assert (reading.tables.asked, reading.told) == (0, ["", ""])


@pytest.mark.parametrize("why", ["unready", "behind", "torn"])
async def test_a_copy_that_is_not_current_is_asked_each_time_and_the_tables_answer(why: str) -> None:
    reading = Reading()
    reading.copy.fault = NotCurrent("not now", code=why)
    assert await reading.version() == 2
    assert (reading.copy.asked, reading.told) == (2, [why, why])
    reading.copy.fault = None
    assert await reading.version() == 1


async def test_a_copy_that_is_away_is_asked_once_until_it_had_a_rest() -> None:
    reading = Reading()
    reading.copy.fault = TransientError("away")
    assert [await reading.version() for _ in range(5)] == [2] * 5
    assert reading.copy.asked == 1
    assert reading.told == ["away", *["resting"] * 9]
    reading.clock.time += 1
    reading.copy.fault = None
    assert await reading.version() == 1


async def test_tables_that_are_away_too_are_the_readers_trouble() -> None:
    reading = Reading()
    reading.copy.fault = reading.tables.fault = TransientError("away")
    with pytest.raises(TransientError):
        await reading.views.stock(["S"])


async def test_what_is_wrong_with_the_question_is_not_asked_elsewhere() -> None:
    reading = Reading()
    reading.copy.fault = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        await reading.views.page(Window(1))
    assert reading.tables.asked == 0
