"""What the API answers when all is well."""

import json
import re
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from python_app_template.core.delivery.commands import Buried, Trace
from python_app_template.core.delivery.messages import Refused
from tests.unit.rest.conftest import Api

ODD_IDS = ["a/b", "a%2Fb", "100%", "who?", "a+b", "a b", "é", "😀" * 64, ".", "..", "a//b", "/", "#", "a&b=c;d", '"<>']


async def batch(api: Api, ref: str = "b-1", sku: str = "RED-CHAIR", qty: int = 100) -> None:
    assert (await api.ask("POST", "/v1/batches", {"batch_ref": ref, "sku": sku, "qty": qty})).status_code == 202


async def test_a_write_is_a_message_keyed_by_its_id(api: Api) -> None:
    body = {"order_id": "o/1", "lines": [{"sku": "RED-CHAIR", "qty": 2}], "placed_at": "2026-11-20T20:00:00+01:00"}
    answer = await api.ask("POST", "/v1/orders", body)
    said = answer.json()
    assert (answer.status_code, said["order_id"], said["status"]) == (202, "o/1", "pending")
    assert answer.headers["location"] == f"/v1/commands/{said['command_id']}"
    (message,) = api.sent.messages
    assert message.key == b"o/1"
    assert json.loads(message.value) == {"type": "order.placed", "customer_id": None, **body}


async def test_each_write_has_its_message(api: Api) -> None:
    await batch(api)
    await api.ask("PATCH", "/v1/batches/b-1", {"qty": 7})
    await api.ask("DELETE", "/v1/orders/o-1")
    said = [(message.key, json.loads(message.value)) for message in api.sent.messages]
    assert said == [
        (b"b-1", {"type": "batch.created", "batch_ref": "b-1", "sku": "RED-CHAIR", "qty": 100, "eta": None}),
        (b"b-1", {"type": "batch.quantity_changed", "batch_ref": "b-1", "qty": 7}),
        (b"o-1", {"type": "order.cancelled", "order_id": "o-1"}),
    ]


async def test_an_order_without_an_id_gets_one_in_the_order_of_time(api: Api) -> None:
    lines = {"lines": [{"sku": "RED-CHAIR", "qty": 2}], "order_id": None}
    made = [UUID((await api.ask("POST", "/v1/orders", lines)).json()["order_id"]) for _ in range(2)]
    assert [found.version for found in made] == [7, 7]
    assert made[0].int >> 80 == 1_700_000_000_000
    assert made[0] != made[1]


async def test_a_trace_goes_into_the_message_and_so_does_the_request(api: Api) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    body = {"lines": [{"sku": "RED-CHAIR", "qty": 2}]}
    answer = await api.ask("POST", "/v1/orders", body, traceparent=trace, x_request_id="request-7")
    assert answer.headers["x-request-id"] == "request-7"
    assert dict(api.sent.messages[0].headers) == {"traceparent": trace.encode(), "x-request-id": b"request-7"}


@pytest.mark.parametrize("trace", ["", "x", "00-" + "0" * 32 + "-b7ad6b7169203331-01", "ff-" + "a" * 32])
async def test_what_is_no_trace_is_replaced(api: Api, trace: str) -> None:
    body = {"lines": [{"sku": "RED-CHAIR", "qty": 2}]}
    answer = await api.ask("POST", "/v1/orders", body, traceparent=trace, x_request_id="a b")
    headers = {name: (value or b"").decode() for name, value in api.sent.messages[0].headers}
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", headers["traceparent"])
    assert headers["x-request-id"] == answer.headers["x-request-id"] != "a b"


async def test_who_waits_gets_what_became_of_it(api: Api) -> None:
    said = (await api.ask("POST", "/v1/batches?wait=5", {"batch_ref": "b-1", "sku": "RED-CHAIR", "qty": 9})).json()
    assert said["status"] == "applied"
    shown = [{"batch_ref": "b-1", "purchased": 9, "available": 9, "eta": None}]
    assert said["stock"] == {"sku": "RED-CHAIR", "version": 1, "available": 9, "batches": shown}
    placed = {"order_id": "o-1", "lines": [{"sku": "RED-CHAIR", "qty": 2}]}
    said = (await api.ask("POST", "/v1/orders?wait=0.5", placed)).json()
    line = {"line": 0, "sku": "RED-CHAIR", "qty": 2, "status": "allocated", "batch_ref": "b-1", "eta": None}
    order = {"order_id": "o-1", "customer_id": None, "placed_at": None, "status": "placed", "lines": [line]}
    assert (said["status"], said["order"]) == ("applied", order)
    assert (await api.get("/v1/orders/o-1")).json() == order
    said = (await api.ask("PATCH", "/v1/batches/b-1?wait=30", {"qty": 1})).json()
    assert said["stock"]["available"] == 1
    said = (await api.ask("DELETE", "/v1/orders/o-1?wait=30")).json()
    assert (said["status"], said["order"]["status"]) == ("applied", "cancelled")


async def test_a_command_tells_why_it_is_a_dead_letter(api: Api) -> None:
    location = (await api.ask("DELETE", "/v1/orders/o-1")).headers["location"]
    assert (await api.get(location)).json()["status"] == "applied"
    api.commands.partitions[0] = Trace(1, buried=Buried(1, Refused("unknown_order", "never placed")))
    said = (await api.get(f"{location}?wait=1")).json()
    assert (said["status"], said["reason"], said["detail"]) == ("dead_lettered", "unknown_order", "never placed")
    api.commands.partitions[0] = Trace(0)
    assert (await api.get(f"{location}?wait=0.01")).json() == {"command_id": said["command_id"], "status": "pending"}
    api.commands.partitions[0] = Trace(1, known_from=1)
    assert (await api.get(location)).json()["status"] == "unknown"


async def test_commands_are_seen_by_who_sent_them_and_with_the_full_scope(api: Api) -> None:
    location = (await api.place("o-1", "ann orders:write:own")).headers["location"]
    seen = {
        "ann stock:write": 200,  # whoever sent it, whatever they may do today
        "bob orders:read:own,orders:write:own": 404,
        "bob stock:read,stock:write": 404,
        "eve orders:write": 200,
        "eve orders:read": 200,
    }
    assert {token: (await api.get(location, token)).status_code for token in seen} == seen
    changed = location[:-1] + ("A" if location[-1] != "A" else "B")
    for wrong in [changed, "/v1/commands/0-0-x", location.replace("/0-0-", "/0-1-"), "/v1/commands/%F0%9F%98%80"]:
        assert (await api.get(wrong)).status_code == 404


@pytest.mark.parametrize("order_id", ODD_IDS)
async def test_a_path_id_may_hold_any_character(api: Api, order_id: str) -> None:
    await api.place(order_id)
    path = f"/v1/orders/{quote(order_id, safe='')}"
    if order_id in {".", ".."}:  # clients resolve them unless they are written so
        path = f"/v1/orders/{order_id.replace('.', '%2E')}"
    assert (await api.get(path)).json()["order_id"] == order_id
    assert (await api.ask("DELETE", path)).json()["order_id"] == order_id
    assert api.sent.messages[-1].key == order_id.encode()


async def test_nothing_hangs_below_an_id(api: Api) -> None:
    await api.place("a")
    for path in ["/v1/orders/a/lines", "/v1/orders/a/", "/v1/orders/a%2Flines"]:
        assert (await api.get(path)).status_code == 404


async def test_lists_go_on_where_they_ended_in_code_point_order(api: Api) -> None:
    names = ["B", "a", "Z/1", "é", "10", "9"]
    for name in names:
        await api.place(name, customer_id="ann" if name in "Ba" else "bob")
    found, path = [], "/v1/orders?first=2"
    while path:
        page = (await api.get(path)).json()
        assert 1 <= len(page["items"]) <= 2
        found += [order["order_id"] for order in page["items"]]
        path = f"/v1/orders?first=2&after={page['next']}" if page["next"] else ""
    assert found == sorted(names)


async def test_a_cursor_belongs_to_its_list_and_its_filter(api: Api) -> None:
    for name in "abc":
        await api.place(name, customer_id="ann")
        await batch(api, name, name)
    following = (await api.get("/v1/orders?first=1&customer_id=ann")).json()["next"]
    assert (await api.get(f"/v1/orders?customer_id=ann&after={following}")).json()["next"] is None
    for path in ["/v1/orders", "/v1/orders?customer_id=bob", "/v1/stock", "/v1/orders?customer_id=ann"]:
        wrong = following[:-2] if "ann" in path else following
        assert (await api.get(f"{path}{'&' if '?' in path else '?'}after={wrong}")).status_code == 422
    stock = (await api.get("/v1/stock?first=2")).json()
    assert [item["sku"] for item in stock["items"]] == ["a", "b"]
    rest = (await api.get(f"/v1/stock?after={stock['next']}")).json()
    assert ([item["sku"] for item in rest["items"]], rest["next"]) == (["c"], None)


async def test_an_own_scope_lists_ones_own(api: Api) -> None:
    for name, customer in {"o-1": "ann", "o-2": "bob"}.items():
        await api.place(name, customer_id=customer)
    for path in ["/v1/orders", "/v1/orders?customer_id=ann"]:
        listed = (await api.get(path, "ann orders:read:own")).json()
        assert [order["order_id"] for order in listed["items"]] == ["o-1"]


async def test_what_did_not_change_is_not_sent_again(api: Api) -> None:
    await batch(api)
    first = await api.get("/v1/stock/RED-CHAIR")
    assert first.headers["cache-control"] == "private, no-cache"
    for known in [first.headers["etag"], f'"x", W/{first.headers["etag"]}', "*"]:
        again = await api.get("/v1/stock/RED-CHAIR", if_none_match=known)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    await batch(api, "b-2")
    assert (await api.get("/v1/stock/RED-CHAIR", if_none_match=first.headers["etag"])).status_code == 200


async def test_every_answer_has_its_headers(api: Api) -> None:
    for path in ["/v1/orders", "/nothing", "/v1//orders"]:
        headers = (await api.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"]
        assert headers["x-request-id"]


async def test_a_head_is_a_get_without_a_body(api: Api) -> None:
    assert (await api.ask("HEAD", "/v1/orders")).status_code == 200


async def test_only_listed_origins_may_ask_from_a_browser(api: Api) -> None:
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    for origin, allowed in {"https://shop.example": "https://shop.example", "https://evil.example": None}.items():
        answer = await api.http.options("/v1/orders", headers={"origin": origin, **asking})
        assert answer.headers.get("access-control-allow-origin") == allowed


async def test_every_request_is_in_the_access_log(api: Api, log_lines: list[Any]) -> None:
    await api.get("/v1/orders?customer_id=secret", x_request_id="r-1")
    (line,) = [line for line in log_lines if line["event"] == "http.request"]
    assert (line["method"], line["path"], line["status"], line["request_id"]) == ("GET", "/v1/orders", 200, "r-1")
    assert "secret" not in str(line)
