"""GraphQL over HTTP: JSON over POST, and nothing else."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.unit.graphql.desk import BOSS, Desk

QUERY = {"query": '{ stock(sku: "S") { sku } }'}
AUTHORIZED = {"authorization": f"Bearer {BOSS}"}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_nothing_but_post_is_answered(desk: Desk, method: str) -> None:
    answer = await desk.http.request(
        method, "/graphql", params=QUERY, headers={**AUTHORIZED, "content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"], answer.headers["allow"]) == (405, "method_not_allowed", "POST")
    assert answer.headers["content-type"] == "application/problem+json"
    assert not desk.shop.stock.asked


@pytest.mark.parametrize(
    "media",
    [
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/graphql",
        "text/plain; charset=application/json",
        "",
    ],
)
async def test_what_a_form_of_another_site_can_send_is_refused(desk: Desk, media: str) -> None:
    mutation = json.dumps({"query": 'mutation { cancelOrder(orderId: "o") { orderId } }'})
    answer = await desk.http.post("/graphql", content=mutation, headers={**AUTHORIZED, "content-type": media})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert desk.sent.messages == []


async def test_a_charset_may_be_named(desk: Desk) -> None:
    answer = await desk.post(QUERY, content_type="Application/JSON; charset=utf-8")
    assert answer.json() == {"data": {"stock": None}}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"query": "\\ud800"}', b"[" * 1000, b'{"query": NaN}'])
async def test_what_is_no_json_is_malformed(desk: Desk, body: bytes) -> None:
    answer = await desk.post(body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


@pytest.mark.parametrize(
    "body",
    [[], "x", None, {}, {"query": 1}, {"query": None}, {**QUERY, "variables": []}, {**QUERY, "operationName": 1}],
)
async def test_what_is_no_request_of_graphql_is_a_bad_request(desk: Desk, body: object) -> None:
    answer = await desk.post(body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


async def test_a_body_that_is_too_large_is_not_read(desk: Desk) -> None:
    assert (await desk.post({"query": "#" * 65536})).status_code == 413

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b" " * 10_000

    headers = {**AUTHORIZED, "content-type": "application/json"}
    assert (await desk.http.post("/graphql", content=parts(), headers=headers)).status_code == 413


async def test_variables_that_are_null_are_none(desk: Desk) -> None:
    assert (await desk.post({**QUERY, "variables": None, "operationName": None})).json() == {"data": {"stock": None}}


async def test_the_status_says_whether_it_was_executed_to_who_asks_for_graphqls_own_media_type(desk: Desk) -> None:
    own = "application/graphql-response+json"
    for body, plain, status in (
        (QUERY, 200, 200),
        ({"query": "{ nonsense }"}, 200, 400),
        ({"query": '{ order(orderId: "\\n") { status } }'}, 200, 200),
    ):
        answer = await desk.post(body)
        assert (answer.status_code, answer.headers["content-type"]) == (plain, "application/json")
        answer = await desk.post(body, accept=f"{own}, application/json;q=0.9")
        assert (answer.status_code, answer.headers["content-type"]) == (status, own)


async def test_an_operation_that_is_not_there_is_an_error(desk: Desk) -> None:
    answer = await desk.post({"query": "query A { __typename }", "operationName": "B"})
    assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["BAD_USER_INPUT"]


async def test_a_subscription_needs_a_websocket(desk: Desk) -> None:
    assert await desk.codes('subscription { events(sku: "S") { id } }') == ["BAD_USER_INPUT"]


async def test_a_bug_is_told_to_the_log_alone(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    del desk.shop.held.orders  # as no code of ours does
    body = await desk.ask('{ order(orderId: "o") { status } stock(sku: "S") { sku } }')
    [error] = body["errors"]
    assert body["data"] == {"order": None, "stock": None}
    assert (error["extensions"], error["path"]) == ({"code": "INTERNAL_SERVER_ERROR"}, ["order"])
    assert "AttributeError" not in json.dumps(body)
    assert "graphql.failed" in capsys.readouterr().out
