"""What everybody who shows stock promises, wherever it is read from."""

from collections.abc import AsyncIterator
from datetime import date

import pytest

from python_app_template.core.domain.views import BatchView, StockView
from python_app_template.core.ports.views import Window
from tests.copies import copied_at
from tests.shop import bought, cancelled, changed, placed
from tests.showrooms import Showroom, showroom_at

SKUS = ["A", "B", "C", "Z", "a", "é", "\uffff", "\U0001f600"]
"""In code point order, which is no language's, and not the order of UTF-16 either."""


@pytest.fixture(
    params=["memory", *(pytest.param(name, marks=pytest.mark.servers) for name in ("shared_database", "redis_url"))]
)
async def showroom(request: pytest.FixtureRequest) -> AsyncIterator[Showroom]:
    url = None if request.param == "memory" else str(request.getfixturevalue(request.param))
    opened = copied_at(url) if url and url.startswith("redis") else showroom_at(url)
    async with opened as showroom:
        yield showroom


async def listed(showroom: Showroom, window: Window) -> tuple[str, bool, bool]:
    page = await showroom.stock.page(window)
    return "".join(item.sku for item in page.items), page.has_previous, page.has_next


async def test_a_sku_is_shown_with_its_version_and_what_is_left_of_each_batch(showroom: Showroom) -> None:
    await showroom.send(bought("b", "S", 10), bought("ship", "S", 5, "2027-03-01"), placed("o", ("S", 4), ("S", 8)))
    batches = (BatchView("b", 10, 6, None), BatchView("ship", 5, 5, date(2027, 3, 1)))
    assert await showroom.stock.stock(["S"]) == {"S": StockView("S", 4, 11, batches)}


async def test_batches_come_in_the_order_of_allocation_warehouse_first_then_eta_then_reference(
    showroom: Showroom,
) -> None:
    etas = {"z": None, "\uffff": None, "\U0001f600": None, "late": "2027-05-01", "b": "2027-04-01", "B": "2027-04-01"}
    await showroom.send(*(bought(ref, "S", 1, eta) for ref, eta in reversed(etas.items())))
    shown = (await showroom.stock.stock(["S"]))["S"]
    assert [batch.batch_ref for batch in shown.batches] == ["z", "\uffff", "\U0001f600", "B", "b", "late"]


async def test_a_batch_that_is_used_up_or_was_empty_from_the_start_is_still_shown(showroom: Showroom) -> None:
    await showroom.send(bought("empty", "S", 0), bought("gone", "S", 2), placed("o", ("S", 2)), bought("left", "S", 1))
    shown = (await showroom.stock.stock(["S"]))["S"]
    assert [(batch.batch_ref, batch.available) for batch in shown.batches] == [("empty", 0), ("gone", 0), ("left", 1)]
    assert shown.available == 1


async def test_units_that_come_back_are_available_again(showroom: Showroom) -> None:
    await showroom.send(bought("b", "S", 2), placed("o", ("S", 2)))
    await showroom.send(cancelled("o"))
    assert (await showroom.stock.stock(["S"]))["S"].available == 2


async def test_a_batch_that_shrank_below_what_was_allocated_has_nothing_below_zero(showroom: Showroom) -> None:
    await showroom.send(bought("b", "S", 10), placed("o", ("S", 3)), placed("p", ("S", 4)))
    await showroom.send(changed("b", 3))
    shown = (await showroom.stock.stock(["S"]))["S"]
    assert (shown.available, shown.batches) == (0, (BatchView("b", 3, 0, None),))
    await showroom.send(changed("b", 0))
    shown = (await showroom.stock.stock(["S"]))["S"]
    assert (shown.available, shown.batches) == (0, (BatchView("b", 0, 0, None),))


async def test_the_version_is_that_of_the_skus_last_event(showroom: Showroom) -> None:
    await showroom.send(bought("b", "S", 1))
    assert (await showroom.stock.stock(["S"]))["S"].version == 1
    await showroom.send(placed("o", ("S", 1), ("S", 1)))  # one is allocated, one is out of stock
    assert (await showroom.stock.stock(["S"]))["S"].version == 3


async def test_of_many_skus_those_that_are_there_are_returned_and_no_other(showroom: Showroom) -> None:
    await showroom.send(bought("a", "A"), bought("b", "B"), placed("o", ("NEVER", 1)))
    assert (await showroom.stock.stock(["B", "NEVER", "A", "B", "no'such\"one"])).keys() == {"A", "B"}
    assert await showroom.stock.stock([]) == {}


async def test_what_can_be_no_key_is_not_there_and_does_no_harm_as_a_bound(showroom: Showroom) -> None:
    await showroom.send(bought("a", "A"))
    assert await showroom.stock.stock(["\0", "A\0", "x" * 1000]) == {}
    assert await listed(showroom, Window(1, after="\0", before="B\0")) == ("A", False, False)
    assert await listed(showroom, Window(1, after="x" * 1000)) == ("", True, False)


async def test_skus_are_listed_by_code_point(showroom: Showroom) -> None:
    await showroom.send(*(bought(f"b-{sku}", sku) for sku in reversed(SKUS)))
    assert await listed(showroom, Window(100)) == ("".join(SKUS), False, False)
    assert await listed(showroom, Window(100, backward=True)) == ("".join(SKUS), False, False)


WINDOWS = [
    (Window(2), ("AB", False, True)),
    (Window(3, after="A"), ("BCD", True, False)),
    (Window(2, after="A"), ("BC", True, True)),
    (Window(2, after="D"), ("", True, False)),
    (Window(2, before="C"), ("AB", False, True)),
    (Window(1, before="C"), ("A", False, True)),
    (Window(9, after="A", before="D"), ("BC", True, True)),
    (Window(9, after="B", before="C"), ("", True, True)),
    (Window(9, after="D", before="A"), ("", True, False)),
    (Window(0), ("", False, True)),
    (Window(0, after="D"), ("", True, False)),
    (Window(2, after="AA"), ("BC", True, True)),
    (Window(9, before="0"), ("", False, True)),
    (Window(2, backward=True), ("CD", True, False)),
    (Window(9, backward=True), ("ABCD", False, False)),
    (Window(2, before="D", backward=True), ("BC", True, True)),
    (Window(9, before="D", backward=True), ("ABC", False, True)),
    (Window(2, before="A", backward=True), ("", False, True)),
    (Window(1, after="B", backward=True), ("D", True, False)),
    (Window(9, after="A", before="D", backward=True), ("BC", True, True)),
    (Window(9, after="B", before="C", backward=True), ("", True, True)),
    (Window(9, after="D", before="A", backward=True), ("", False, True)),
    (Window(0, backward=True), ("", True, False)),
    (Window(0, before="A", backward=True), ("", False, True)),
]


async def test_a_window_shows_its_part_of_the_list_and_whether_it_goes_on_on_either_side(showroom: Showroom) -> None:
    await showroom.send(*(bought(f"b{sku}", sku) for sku in "BADC"))
    assert [(window, await listed(showroom, window)) for window, _ in WINDOWS] == WINDOWS


async def test_an_empty_list_goes_on_nowhere(showroom: Showroom) -> None:
    windows = [Window(5), Window(5, backward=True), Window(5, "A", "B"), Window(5, "A", "B", backward=True), Window(0)]
    assert [await listed(showroom, window) for window in windows] == [("", False, False)] * len(windows)


async def test_a_page_shows_what_is_shown_of_each(showroom: Showroom) -> None:
    await showroom.send(bought("b", "S", 10), bought("c", "T", 5, "2027-03-01"), placed("o", ("S", 4), ("T", 8)))
    page = await showroom.stock.page(Window(2))
    assert {item.sku: item for item in page.items} == await showroom.stock.stock(["S", "T"])
