"""What is shown, and to whom."""

from tests.shop import bought, cancelled, placed
from tests.unit.graphql.desk import Desk

ORDER = """
    query ($id: ID!) {
        order(orderId: $id) { orderId customerId placedAt status lines { line sku qty status batchRef eta } }
    }
"""


async def test_an_order_is_shown_with_its_lines(desk: Desk) -> None:
    await desk.send(
        bought("b", "S", 3, "2027-03-01"),
        placed("o", ("S", 3), ("S", 1), customer_id="c", placed_at="2026-11-20T20:00:00.5+01:00"),
    )
    assert await desk.data(ORDER, id="o") == {
        "order": {
            "orderId": "o",
            "customerId": "c",
            "placedAt": "2026-11-20T19:00:00.500000Z",
            "status": "placed",
            "lines": [
                {"line": 0, "sku": "S", "qty": 3, "status": "allocated", "batchRef": "b", "eta": "2027-03-01"},
                {"line": 1, "sku": "S", "qty": 1, "status": "out_of_stock", "batchRef": None, "eta": None},
            ],
        }
    }
    await desk.send(cancelled("o"))
    assert (await desk.data(ORDER, id="o"))["order"]["status"] == "cancelled"


async def test_what_is_not_there_is_null(desk: Desk) -> None:
    assert await desk.data(
        '{ order(orderId: "o") { status } stock(sku: "S") { sku } command(commandId: "x") { status } }'
    ) == {
        "order": None,
        "stock": None,
        "command": None,
    }


async def test_stock_is_shown_with_its_batches_and_large_numbers(desk: Desk) -> None:
    await desk.send(*(bought(f"b{n}", "S", 1_000_000_000) for n in range(3)), placed("o", ("S", 1)))
    shown = await desk.data(
        '{ stock(sku: "S") { sku version available batches { batchRef purchased available eta } } }'
    )
    batches = [{"batchRef": f"b{n}", "purchased": 10**9, "available": 10**9 - (n == 0), "eta": None} for n in range(3)]
    assert shown["stock"] == {"sku": "S", "version": 4, "available": 2_999_999_999, "batches": batches}
