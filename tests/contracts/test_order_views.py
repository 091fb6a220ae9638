"""What everybody who shows orders promises."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import pytest

from python_app_template.core.domain.views import LineView, OrderView
from python_app_template.core.ports.views import Window
from tests.contracts.test_stock_views import SKUS, WINDOWS
from tests.shop import bought, cancelled, changed, placed
from tests.showrooms import OrderShowroom, showroom_at


@pytest.fixture
async def showroom(place: str | None) -> AsyncIterator[OrderShowroom]:
    async with showroom_at(place) as showroom:
        yield showroom


async def listed(showroom: OrderShowroom, window: Window, customer_id: str | None = None) -> tuple[str, bool, bool]:
    page = await showroom.orders.page(window, customer_id)
    return "".join(item.order_id for item in page.items), page.has_previous, page.has_next


async def test_an_order_is_shown_with_the_batch_and_the_day_of_each_line_that_has_units(
    showroom: OrderShowroom,
) -> None:
    await showroom.send(
        bought("b", "S", 3),
        bought("ship", "T", 9, "2027-03-01"),
        placed("o", ("T", 2), ("S", 3), ("S", 4), ("NEVER", 1), customer_id="c", placed_at="2026-11-20T20:00:00+01:00"),
    )
    lines = (
        LineView(0, "T", 2, "allocated", "ship", date(2027, 3, 1)),
        LineView(1, "S", 3, "allocated", "b", None),
        LineView(2, "S", 4, "out_of_stock", None, None),
        LineView(3, "NEVER", 1, "rejected", None, None),
    )
    order = OrderView("o", "c", datetime(2026, 11, 20, 19, tzinfo=UTC), "placed", lines)
    assert await showroom.orders.orders(["o"]) == {"o": order}


async def test_a_cancelled_order_keeps_its_lines_without_their_units(showroom: OrderShowroom) -> None:
    await showroom.send(bought("b", "S", 3), placed("o", ("S", 3), ("S", 4)))
    await showroom.send(cancelled("o"))
    lines = (LineView(0, "S", 3, "deallocated", None, None), LineView(1, "S", 4, "out_of_stock", None, None))
    assert await showroom.orders.orders(["o"]) == {"o": OrderView("o", None, None, "cancelled", lines)}


async def test_a_line_that_was_moved_is_shown_where_it_is_now(showroom: OrderShowroom) -> None:
    await showroom.send(bought("b", "S", 3), bought("ship", "S", 3, "2027-03-01"), placed("o", ("S", 3)))
    await showroom.send(changed("b", 0))
    assert (await showroom.orders.orders(["o"]))["o"].lines == (
        LineView(0, "S", 3, "allocated", "ship", date(2027, 3, 1)),
    )


async def test_the_lines_of_a_large_order_are_in_their_order(showroom: OrderShowroom) -> None:
    await showroom.send(bought("b", "S"), placed("o", *(("S", 1 + n) for n in range(100))))
    assert [line.qty for line in (await showroom.orders.orders(["o"]))["o"].lines] == [*range(1, 101)]


async def test_of_many_orders_those_that_are_there_are_returned_and_no_other(showroom: OrderShowroom) -> None:
    await showroom.send(placed("A", ("S", 1)), placed("B", ("S", 1)))
    assert (await showroom.orders.orders(["B", "never", "A", "B", "no'such\"one"])).keys() == {"A", "B"}
    assert await showroom.orders.orders([]) == {}


async def test_what_can_be_no_key_is_not_there_and_does_no_harm_as_a_bound(showroom: OrderShowroom) -> None:
    await showroom.send(placed("A", ("S", 1)))
    assert await showroom.orders.orders(["\0", "A\0", "x" * 1000]) == {}
    assert await listed(showroom, Window(1, after="\0", before="B\0")) == ("A", False, False)
    assert await listed(showroom, Window(1, after="x" * 1000)) == ("", True, False)


async def test_orders_are_listed_by_code_point(showroom: OrderShowroom) -> None:
    await showroom.send(*(placed(order_id, ("S", 1)) for order_id in reversed(SKUS)))
    assert await listed(showroom, Window(100)) == ("".join(SKUS), False, False)


async def test_a_window_shows_its_part_of_the_list_and_whether_it_goes_on_on_either_side(
    showroom: OrderShowroom,
) -> None:
    await showroom.send(*(placed(order_id, ("S", 1), ("S", 2)) for order_id in "BADC"))
    assert [(window, await listed(showroom, window)) for window, _ in WINDOWS] == WINDOWS


async def test_a_window_of_one_customer_knows_of_no_other(showroom: OrderShowroom) -> None:
    others = [placed(order_id, ("S", 1), customer_id="other") for order_id in "0AaZz"]
    nobodys = [placed(order_id, ("S", 1)) for order_id in "1x"]
    await showroom.send(*others, *nobodys, *(placed(f"{order_id}", ("S", 1), customer_id="me") for order_id in "EBDC"))
    moved = {"A": "B", "B": "C", "C": "D", "D": "E", "AA": "BB", "0": "A"}

    def of_mine(window: Window) -> Window:
        after, before = (bound and moved[bound] for bound in (window.after, window.before))
        return Window(window.limit, after, before, backward=window.backward)

    def expected(shown: tuple[str, bool, bool]) -> tuple[str, bool, bool]:
        return "".join(moved[key] for key in shown[0]), *shown[1:]

    found = [(window, await listed(showroom, of_mine(window), "me")) for window, _ in WINDOWS]
    assert found == [(window, expected(shown)) for window, shown in WINDOWS]
    assert await listed(showroom, Window(5), "nobody") == ("", False, False)


async def test_a_page_shows_what_is_shown_of_each(showroom: OrderShowroom) -> None:
    await showroom.send(bought("b", "S", 10), placed("o", ("S", 4), ("T", 8)), placed("p", ("S", 2), customer_id="c"))
    page = await showroom.orders.page(Window(2))
    assert {item.order_id: item for item in page.items} == await showroom.orders.orders(["o", "p"])
