"""What the API does not take, and how it says so."""

import asyncio
import json
from typing import Any

import pytest
import structlog

from python_app_template.core.delivery.commands import Trace
from tests.fakes.faults import Fault
from tests.unit.rest.conftest import Api

LINE = {"sku": "RED-CHAIR", "qty": 1}
ANN = "ann orders:write:own,orders:read:own"


def order(**changes: object) -> dict[str, object]:
    return {"order_id": "o-1", "lines": [LINE], **changes}


def batch(**changes: object) -> dict[str, object]:
    return {"batch_ref": "b-1", "sku": "RED-CHAIR", "qty": 1, **changes}


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/orders", order(lines=[]), "#/lines"),
        ("/v1/orders", order(lines=[LINE] * 101), "#/lines"),
        ("/v1/orders", order(lines=None), "#/lines"),
        ("/v1/orders", {"order_id": "o-1"}, "#/lines"),
        ("/v1/orders", order(lines=[LINE, {"sku": "X", "qty": 0}]), "#/lines/1/qty"),
        ("/v1/orders", order(lines=[{"sku": "X", "qty": 1_000_001}]), "#/lines/0/qty"),
        ("/v1/orders", order(lines=[{"sku": "X", "qty": 2.0}]), "#/lines/0/qty"),
        ("/v1/orders", order(lines=[{"sku": "X", "qty": "2"}]), "#/lines/0/qty"),
        ("/v1/orders", order(lines=[{"sku": "X", "qty": True}]), "#/lines/0/qty"),
        ("/v1/orders", order(lines=[{"sku": "", "qty": 1}]), "#/lines/0/sku"),
        ("/v1/orders", order(lines=[{"sku": "x" * 65, "qty": 1}]), "#/lines/0/sku"),
        ("/v1/orders", order(lines=[{"sku": "a\x00b", "qty": 1}]), "#/lines/0/sku"),
        ("/v1/orders", order(lines=[{"sku": "a\x85", "qty": 1}]), "#/lines/0/sku"),
        ("/v1/orders", order(lines=[LINE | {"quantity": 1}]), "#/lines/0/quantity"),
        ("/v1/orders", order(type="order.placed"), "#/type"),
        ("/v1/orders", order(customer="ann"), "#/customer"),
        ("/v1/orders", order(**{"a/b~c": 1}), "#/a~1b~0c"),
        ("/v1/orders", order(order_id="a\nb"), "#/order_id"),
        ("/v1/orders", order(customer_id=7), "#/customer_id"),
        ("/v1/orders", order(placed_at="2026-11-20T20:00:00"), "#/placed_at"),
        ("/v1/orders", order(placed_at="yesterday"), "#/placed_at"),
        ("/v1/orders", [], "#"),
        ("/v1/orders", "an order", "#"),
        ("/v1/batches", batch(qty=-1), "#/qty"),
        ("/v1/batches", batch(qty=1_000_000_001), "#/qty"),
        ("/v1/batches", batch(eta="tomorrow"), "#/eta"),
        ("/v1/batches", batch(eta="2026-11-20T00:00:00Z"), "#/eta"),
        ("/v1/batches", {"sku": "X", "qty": 1}, "#/batch_ref"),
    ],
)
async def test_a_body_against_the_rules_is_refused_where_it_is_wrong(
    api: Api, path: str, body: object, pointer: str
) -> None:
    answer = await api.ask("POST", path, body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert answer.json()["errors"][0]["detail"]
    assert api.sent.messages == []


@pytest.mark.parametrize(("body", "pointer"), [({}, "#/qty"), ({"qty": 1, "batch_ref": "b"}, "#/batch_ref")])
async def test_a_change_has_its_quantity_and_nothing_else(api: Api, body: object, pointer: str) -> None:
    answer = await api.ask("PATCH", "/v1/batches/b-1", body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_of_a_field_given_twice_the_last_counts(api: Api) -> None:
    answer = await api.ask("PATCH", "/v1/batches/b-1", b'{"qty": -1, "qty": 5}')
    assert answer.status_code == 202
    assert json.loads(api.sent.messages[0].value) == {"type": "batch.quantity_changed", "batch_ref": "b-1", "qty": 5}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"lines": NaN}', b'{"lines": "\\ud800"}', b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 129 + b"]" * 129],
)
async def test_what_is_no_json_is_a_bad_request(api: Api, body: bytes) -> None:
    answer = await api.ask("POST", "/v1/orders", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
async def test_only_json_is_taken(api: Api, media: str) -> None:
    answer = await api.ask("POST", "/v1/orders", order(), content_type=media)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert api.sent.messages == []


async def test_json_may_say_its_encoding(api: Api) -> None:
    assert (await api.ask("POST", "/v1/orders", order(), content_type="Application/JSON; charset=utf-8")).is_success


async def test_a_large_body_is_refused_whether_or_not_it_says_so(api: Api) -> None:
    large = b" " * 100_001
    assert (await api.ask("POST", "/v1/orders", large)).json()["code"] == "too_large"

    async def pieces() -> Any:
        for _ in range(101):
            yield b" " * 1000

    headers = {"authorization": "Bearer boss orders:write", "content-type": "application/json"}
    assert (await api.http.post("/v1/orders", content=pieces(), headers=headers)).status_code == 413


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/orders", "/v1/orders/a/history", "/v1/orders/", "/v1//orders"])
async def test_what_is_not_there_is_a_problem_too(api: Api, path: str) -> None:
    assert (await api.get(path)).json()["code"] == "not_found"


async def test_a_method_that_is_not_allowed_names_those_that_are(api: Api) -> None:
    answer = await api.ask("PUT", "/v1/orders", order())
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert {name.strip() for name in answer.headers["allow"].split(",")} >= {"GET", "POST"}


async def test_options_names_the_methods_of_the_path(api: Api) -> None:
    for path, methods in {"/v1/orders": {"GET", "POST"}, "/v1/orders/a": {"GET", "DELETE"}}.items():
        answer = await api.ask("OPTIONS", path, token=None)
        assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (204, methods | {"OPTIONS"})
    assert (await api.ask("OPTIONS", "/nothing", token=None)).status_code == 404


@pytest.mark.parametrize("query", ["wait=31", "wait=-1", "wait=nan", "wait=1e9999", "wait=", "wait=x", "wiat=1"])
async def test_a_wait_out_of_its_range_is_refused_before_anything_is_sent(api: Api, query: str) -> None:
    assert (await api.ask("POST", f"/v1/orders?{query}", order())).status_code == 422
    assert api.sent.messages == []


@pytest.mark.parametrize(
    "query", ["first=0", "first=101", "first=1.5", "first=%EF%BC%91", "after=x", "first=1&first=2", "a=1"]
)
async def test_a_list_is_asked_for_by_the_rules(api: Api, query: str) -> None:
    assert (await api.get(f"/v1/orders?{query}")).status_code == 422


@pytest.mark.parametrize(
    ("path", "status"),
    [("%zz", 400), ("%ff", 400), ("%", 400), ("x" * 65, 422), ("%00", 422), ("%C2%85", 422), ("%ED%A0%80", 400)],
)
async def test_a_path_holds_utf8_and_an_id(api: Api, path: str, status: int) -> None:
    for method, place in [("GET", "orders"), ("DELETE", "orders"), ("GET", "stock")]:
        assert (await api.ask(method, f"/v1/{place}/{path}")).status_code == status


async def test_nobody_gets_in_without_a_token(api: Api) -> None:
    answer = await api.get("/v1/orders", token=None)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_who_may_not_is_told_what_it_takes(api: Api) -> None:
    answer = await api.get("/v1/orders", token="ann stock:read")  # noqa: S106 - a fake's
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "orders:read" in answer.headers["www-authenticate"]


async def test_who_asks_too_often_is_told_when_to_come_again(api: Api) -> None:
    api.throttle.left = 0
    answer = await api.get("/v1/orders")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")


async def test_an_own_scope_orders_for_oneself_alone(api: Api) -> None:
    assert (await api.place("o-1", ANN, customer_id="bob")).status_code == 403
    assert (await api.get("/v1/orders?customer_id=bob", ANN)).status_code == 403
    assert api.sent.messages == []
    assert (await api.place("o-1", ANN)).status_code == 202
    assert json.loads(api.sent.messages[0].value)["customer_id"] == "ann"


async def test_what_is_somebody_elses_is_not_there_and_nothing_is_sent(api: Api) -> None:
    await api.place("o-1", customer_id="bob")
    sent = len(api.sent.messages)
    for order_id in ["o-1", "never-placed"]:
        assert (await api.ask("DELETE", f"/v1/orders/{order_id}", token=ANN)).status_code == 404
        assert (await api.get(f"/v1/orders/{order_id}", ANN)).status_code == 404
    assert len(api.sent.messages) == sent


async def test_without_an_acknowledgement_the_outcome_is_unknown_and_the_id_is_named(api: Api) -> None:
    api.sent.faults.script[1] = Fault.TRANSIENT
    answer = await api.ask("POST", "/v1/orders", {"lines": [LINE]})
    assert (answer.status_code, answer.json()["outcome"]) == (503, "unknown")
    assert answer.headers["retry-after"] == "1"
    assert len(answer.json()["order_id"]) == 36
    api.sent.faults.script[2] = Fault.TRANSIENT
    answer = await api.ask("PATCH", "/v1/batches/b%2F1", {"qty": 1})
    assert (answer.json()["outcome"], answer.json()["batch_ref"]) == ("unknown", "b/1")


async def test_reads_say_when_the_database_is_away(api: Api) -> None:
    command_id = (await api.place("o-1")).json()["command_id"]
    api.commands.faults.script[1] = Fault.TRANSIENT
    with structlog.testing.capture_logs() as lines:
        answer = await api.get(f"/v1/commands/{command_id}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["detail"] == "the broker or the database is away"  # where that is is for the log alone
    (away,) = (line for line in lines if line["event"] == "http.away")
    assert away["error"]


async def test_a_read_does_not_come_before_the_command_that_it_names(api: Api) -> None:
    command_id = (await api.place("o-1")).json()["command_id"]
    api.commands.partitions[0] = Trace(0)
    read = asyncio.ensure_future(api.get(f"/v1/orders/o-1?after_command={command_id}"))
    await asyncio.sleep(0.05)
    assert not read.done()
    api.commands.partitions[0] = Trace(1)
    assert (await read).status_code == 200
    assert (await api.get("/v1/orders/o-1?after_command=0-0-orders_x")).status_code == 404
    assert (await api.get(f"/v1/orders?after_command={command_id}", "eve orders:read:own")).status_code == 404


async def test_a_stop_ends_the_waiting_for_a_read(api: Api) -> None:
    command_id = (await api.place("o-1")).json()["command_id"]
    api.commands.partitions[0] = Trace(0)
    read = asyncio.ensure_future(api.get(f"/v1/orders/o-1?after_command={command_id}"))
    await asyncio.sleep(0.02)
    api.waiting.drain()
    assert (await read).status_code == 503
