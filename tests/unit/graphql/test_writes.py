"""Writes: the same messages as REST's, judged by the same rules."""

import json
from typing import Any

import pytest

from tests.fakes.faults import Fault
from tests.shop import bought
from tests.unit.graphql.desk import Desk, codes

PLACE = """
    mutation ($input: PlaceOrderInput!, $wait: Float) { placeOrder(input: $input, wait: $wait) { ...W } }
    fragment W on WritePayload {
        command { commandId status reason detail } orderId batchRef
        order { orderId customerId placedAt status lines { line sku qty status batchRef } } stock { sku available }
    }
"""


def message(desk: Desk) -> Any:
    """The last that was sent."""
    return json.loads(desk.sent.messages[-1].value)


async def test_an_order_is_placed_and_waited_for(desk: Desk) -> None:
    await desk.send(bought("b", "S"))
    given = {
        "orderId": "o",
        "lines": [{"sku": "S", "qty": 2}],
        "customerId": "c",
        "placedAt": "2026-11-20T20:00:00+01:00",
    }
    done = (await desk.data(PLACE, input=given, wait=5))["placeOrder"]
    assert done["command"].pop("commandId").startswith("0-0-")
    assert done == {
        "command": {"status": "applied", "reason": None, "detail": None},
        "orderId": "o",
        "batchRef": None,
        "order": {
            "orderId": "o",
            "customerId": "c",
            "placedAt": "2026-11-20T19:00:00Z",
            "status": "placed",
            "lines": [{"line": 0, "sku": "S", "qty": 2, "status": "allocated", "batchRef": "b"}],
        },
        "stock": None,
    }
    assert message(desk) == {
        "type": "order.placed",
        "order_id": "o",
        "lines": [{"sku": "S", "qty": 2}],
        "customer_id": "c",
        "placed_at": "2026-11-20T20:00:00+01:00",
    }
    assert desk.sent.messages[-1].key == b"o"


async def test_without_waiting_it_is_pending_and_an_id_is_given(desk: Desk) -> None:
    done = (await desk.data(PLACE, input={"lines": [{"sku": "S", "qty": 2}]}))["placeOrder"]
    assert (done["command"]["status"], done["order"]) == ("pending", None)
    assert message(desk)["order_id"] == done["orderId"]
    assert len(done["orderId"]) == 36


async def test_batches_are_made_and_changed_and_orders_cancelled(desk: Desk) -> None:
    made = await desk.data(
        'mutation { createBatch(input: {batchRef: "b", sku: "S", qty: 0, eta: "2027-03-01"}, wait: 1)'
        " { batchRef stock { available batches { eta } } } }"
    )
    stock = {"available": 0, "batches": [{"eta": "2027-03-01"}]}
    assert made["createBatch"] == {"batchRef": "b", "stock": stock}
    changed = await desk.data(
        'mutation { changeBatchQuantity(batchRef: "b", qty: 7, wait: 1) { batchRef stock { available } } }'
    )
    assert changed["changeBatchQuantity"] == {"batchRef": "b", "stock": {"available": 7}}
    await desk.data(PLACE, input={"orderId": "o", "lines": [{"sku": "S", "qty": 2}]})
    gone = await desk.data('mutation { cancelOrder(orderId: "o", wait: 1) { orderId order { status } } }')
    assert gone["cancelOrder"] == {"orderId": "o", "order": {"status": "cancelled"}}
    assert [json.loads(m.value)["type"] for m in desk.sent.messages] == [
        "batch.created",
        "batch.quantity_changed",
        "order.placed",
        "order.cancelled",
    ]


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"lines": []}, "#/lines"),
        ({"lines": [{"sku": "S", "qty": 0}]}, "#/lines/0/qty"),
        ({"lines": [{"sku": "", "qty": 1}]}, "#/lines/0/sku"),
        ({"lines": [{"sku": "S", "qty": 1}], "orderId": "x" * 65}, "#/orderId"),
        ({"lines": [{"sku": "S", "qty": 1}], "customerId": "a\nb"}, "#/customerId"),
        ({"lines": [{"sku": "S", "qty": 1}], "placedAt": "yesterday"}, "#/placedAt"),
    ],
)
async def test_the_messages_own_rules_are_kept_and_it_is_said_where_not(
    desk: Desk, given: dict[str, Any], pointer: str
) -> None:
    body = await desk.ask(PLACE, input=given)
    [error] = body["errors"]
    assert (error["extensions"]["code"], error["extensions"]["errors"][0]["pointer"]) == ("BAD_USER_INPUT", pointer)
    assert desk.sent.messages == []


@pytest.mark.parametrize(
    "given",
    [
        {"lines": [{"sku": "S", "qty": 1}], "unknown": 1},
        {"lines": [{"sku": "S", "qty": 1, "unknown": 1}]},
        {"lines": [{"sku": "S", "qty": "1"}]},
        {"lines": [{"sku": "S", "qty": True}]},
        {"lines": [{"sku": "S", "qty": 1.5}]},
        {"lines": [{"sku": "S"}]},
        {},
    ],
)
async def test_what_the_schema_does_not_have_is_refused(desk: Desk, given: dict[str, Any]) -> None:
    assert set(await desk.codes(PLACE, input=given)) == {"BAD_USER_INPUT"}
    assert desk.sent.messages == []


@pytest.mark.parametrize("seconds", [-1, 31, 1e300])
async def test_nobody_waits_longer_than_30_seconds_or_less_than_none(desk: Desk, seconds: float) -> None:
    body = await desk.ask(PLACE, input={"lines": [{"sku": "S", "qty": 1}]}, wait=seconds)
    assert codes(body) == ["BAD_USER_INPUT"]
    assert desk.sent.messages == []


async def test_writes_of_one_request_are_done_in_their_order(desk: Desk) -> None:
    await desk.data(
        """mutation {
            a: createBatch(input: {batchRef: "b", sku: "S", qty: 1}) { batchRef }
            b: placeOrder(input: {orderId: "o", lines: [{sku: "S", qty: 1}]}) { orderId }
            c: changeBatchQuantity(batchRef: "b", qty: 5) { batchRef }
        }"""
    )
    assert [m.key for m in desk.sent.messages] == [b"b", b"o", b"b"]


async def test_when_nobody_knows_whether_it_was_taken_the_id_is_named(desk: Desk) -> None:
    desk.sent.faults.script[1] = Fault.LOST
    [error] = (await desk.ask(PLACE, input={"lines": [{"sku": "S", "qty": 1}]}))["errors"]
    extensions = error["extensions"]
    assert (extensions["code"], extensions["outcome"]) == ("SERVICE_UNAVAILABLE", "unknown")
    assert len(extensions["orderId"]) == 36
