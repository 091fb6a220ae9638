"""Lists, held against the wording of the Cursor Connections specification."""

from typing import Any

import pytest

from tests.shop import bought, placed
from tests.unit.graphql.desk import BOSS, Desk, codes

LIST = """
    query ($first: Int, $after: String, $last: Int, $before: String) {
        stocks(first: $first, after: $after, last: $last, before: $before) {
            edges { cursor node { sku } }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
    }
"""
ORDERS = """
    query ($first: Int, $after: String, $last: Int, $before: String, $customerId: String) {
        orders(first: $first, after: $after, last: $last, before: $before, customerId: $customerId) {
            edges { cursor node { orderId } }
            pageInfo { hasNextPage hasPreviousPage }
        }
    }
"""


async def stocked(desk: Desk) -> dict[str, str]:
    """Five SKUs; the cursor of each."""
    await desk.send(*(bought(f"b{sku}", sku) for sku in "EDCBA"))
    edges = (await desk.data(LIST))["stocks"]["edges"]
    return {edge["node"]["sku"]: edge["cursor"] for edge in edges}


async def listed(desk: Desk, **arguments: Any) -> tuple[str, bool, bool]:
    """What is shown, hasPreviousPage, hasNextPage."""
    shown = (await desk.data(LIST, **arguments))["stocks"]
    return _brief(shown)


def _brief(shown: dict[str, Any]) -> tuple[str, bool, bool]:
    info = shown["pageInfo"]
    return "".join(e["node"]["sku"] for e in shown["edges"]), info["hasPreviousPage"], info["hasNextPage"]


async def test_first_and_after_page_forward_to_the_end(desk: Desk) -> None:
    cursors = await stocked(desk)
    assert await listed(desk, first=2) == ("AB", False, True)
    assert await listed(desk, first=2, after=cursors["B"]) == ("CD", True, True)
    assert await listed(desk, first=2, after=cursors["D"]) == ("E", True, False)
    assert await listed(desk, first=2, after=cursors["E"]) == ("", True, False)


async def test_last_and_before_page_backward_and_the_order_of_edges_stays(desk: Desk) -> None:
    cursors = await stocked(desk)
    assert await listed(desk, last=2) == ("DE", True, False)
    assert await listed(desk, last=2, before=cursors["D"]) == ("BC", True, True)
    assert await listed(desk, last=2, before=cursors["B"]) == ("A", False, True)
    assert await listed(desk, last=2, before=cursors["A"]) == ("", False, True)


async def test_after_and_before_together_leave_what_lies_between(desk: Desk) -> None:
    cursors = await stocked(desk)
    assert await listed(desk, after=cursors["A"], before=cursors["E"]) == ("BCD", True, True)
    assert await listed(desk, first=1, after=cursors["A"], before=cursors["E"]) == ("B", True, True)
    assert await listed(desk, last=1, after=cursors["A"], before=cursors["E"]) == ("D", True, True)


async def test_a_page_that_ends_where_the_list_ends_has_no_next_one(desk: Desk) -> None:
    cursors = await stocked(desk)
    assert await listed(desk, first=5) == ("ABCDE", False, False)
    assert await listed(desk, first=3, after=cursors["B"]) == ("CDE", True, False)
    assert await listed(desk, last=2, before=cursors["C"]) == ("AB", False, True)


async def test_the_cursors_of_a_page_are_those_of_its_first_and_last_edge(desk: Desk) -> None:
    cursors = await stocked(desk)
    info = (await desk.data(LIST, first=3))["stocks"]["pageInfo"]
    assert (info["startCursor"], info["endCursor"]) == (cursors["A"], cursors["C"])
    empty = (await desk.data(LIST, first=0))["stocks"]["pageInfo"]
    assert (empty["startCursor"], empty["endCursor"], empty["hasNextPage"]) == (None, None, True)


async def test_a_list_without_bounds_has_50_and_no_more_than_100_can_be_asked_for(desk: Desk) -> None:
    await desk.send(*(placed(f"o{n:03}", ("S", 1)) for n in range(120)))
    assert len((await desk.data(ORDERS))["orders"]["edges"]) == 50
    assert len((await desk.data(ORDERS, first=100))["orders"]["edges"]) == 100
    assert await desk.codes(ORDERS, first=101) == ["BAD_USER_INPUT"]
    assert await desk.codes(ORDERS, last=101) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("wrong", [{"first": 1, "last": 1}, {"first": -1}, {"last": -1}, {"first": 0, "last": 0}])
async def test_first_with_last_and_negative_numbers_are_errors(desk: Desk, wrong: dict[str, Any]) -> None:
    assert await desk.codes(LIST, **wrong) == ["BAD_USER_INPUT"]
    assert not desk.shop.stock.asked


async def test_what_is_null_is_not_there(desk: Desk) -> None:
    await stocked(desk)
    assert await listed(desk, first=1, last=None, after=None) == ("A", False, True)


@pytest.mark.parametrize("cursor", ["", "x", "====", "gqVzdG9jaw", "\u00e9", "a" * 5000])
async def test_what_is_no_cursor_is_refused(desk: Desk, cursor: str) -> None:
    assert await desk.codes(LIST, after=cursor) == ["BAD_USER_INPUT"]
    assert await desk.codes(LIST, before=cursor) == ["BAD_USER_INPUT"]


async def test_a_cursor_belongs_to_its_list_and_its_filter(desk: Desk) -> None:
    cursors = await stocked(desk)
    await desk.send(placed("o", ("S", 1), customer_id="c"))
    assert await desk.codes(ORDERS, after=cursors["A"]) == ["BAD_USER_INPUT"]
    [edge] = (await desk.data(ORDERS, customerId="c"))["orders"]["edges"]
    assert await desk.codes(ORDERS, after=edge["cursor"]) == ["BAD_USER_INPUT"]
    assert await desk.codes(ORDERS, after=edge["cursor"], customerId="d") == ["BAD_USER_INPUT"]
    assert (await desk.data(ORDERS, after=edge["cursor"], customerId="c"))["orders"]["edges"] == []


async def test_of_one_customer_those_orders_alone_are_listed(desk: Desk) -> None:
    await desk.send(*(placed(f"{name}{n}", ("S", 1), customer_id=name) for name in "abc" for n in range(2)))
    shown = await desk.data(ORDERS, customerId="b")
    assert [edge["node"]["orderId"] for edge in shown["orders"]["edges"]] == ["b0", "b1"]
    assert shown["orders"]["pageInfo"] == {"hasNextPage": False, "hasPreviousPage": False}
    assert codes(await desk.ask(ORDERS, BOSS, customerId="\n")) == ["BAD_USER_INPUT"]
