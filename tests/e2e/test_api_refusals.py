"""What is refused over HTTP, by whom, and how that is told; on a real broker and a real database."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import jwt
import pytest

from tests.e2e.conftest import Running
from tests.e2e.test_api import SECRET, TRACE, client, new, ordered, running, stocked
from tests.processes import ServiceProcess

__all__ = ["running"]

pytestmark = pytest.mark.servers

ORDER = {"order_id": "o", "lines": [{"sku": "s", "qty": 1}]}


@pytest.fixture
def api(running: Running) -> Iterator[httpx.Client]:
    with client(running.service) as api:
        yield api


def problem(answer: httpx.Response, status: int, code: str) -> Mapping[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    said: Mapping[str, Any] = answer.json()
    assert (said["status"], said["code"]) == (status, code)
    assert isinstance(said["errors"], list)
    return said


@pytest.mark.parametrize(
    ("status", "code", "asked"),
    [
        (400, "malformed_json", {"content": b"{", "headers": {"content-type": "application/json"}}),
        (413, "too_large", {"json": ORDER | {"customer_id": "c" * 2**20}}),
        (415, "unsupported_media_type", {"files": {"order": b"{}"}}),
        (415, "unsupported_media_type", {"data": {"order_id": "o"}}),
        (422, "invalid", {"json": ORDER | {"custommer_id": "mistyped"}}),
        (422, "invalid", {"json": ORDER | {"lines": [{"sku": "s", "qty": 2.0}]}}),
        (422, "invalid", {"json": ORDER | {"lines": []}}),
        (422, "invalid", {"json": ORDER, "params": {"wait": 31}}),
    ],
)
def test_what_can_not_be_taken_is_told_and_not_sent(
    running: Running, api: httpx.Client, status: int, code: str, asked: dict[str, Any]
) -> None:
    ends = running.world.log_ends()
    problem(api.post("/v1/orders", **asked), status, code)
    assert running.world.log_ends() == ends


def test_what_is_wrong_is_pointed_at(api: httpx.Client) -> None:
    said = problem(api.post("/v1/orders", json=ORDER | {"lines": [{"sku": "s", "qty": 0}]}), 422, "invalid")
    assert [error["pointer"] for error in said["errors"]] == ["#/lines/0/qty"]


def test_paths_and_methods_that_are_not_there_are_problems_too(api: httpx.Client) -> None:
    _, sku = stocked(api)
    order_id = ordered(api, sku)["order_id"]
    for path in ["/nowhere", f"/v1/orders/{order_id}/lines", f"/v1/stock/{sku}/batches", "/v1/orders/"]:
        problem(api.get(path), 404, "not_found")
    refused = api.put(f"/v1/orders/{order_id}", json=ORDER)
    problem(refused, 405, "method_not_allowed")
    assert {"GET", "DELETE"} <= {*refused.headers["allow"].replace(" ", "").split(",")}


def test_a_command_is_known_by_its_whole_id_alone(api: httpx.Client) -> None:
    given = ordered(api, new("sku"))["command_id"]
    assert api.get(f"/v1/commands/{given}").json()["status"] == "applied"
    partition, offset, tag = given.split("-", 2)
    last = "A" if tag[-1] != "A" else "E"
    wrong = [f"{partition}-{int(offset) + 1}-{tag}", f"{partition}-{offset}-{tag[:-1]}{last}", f"{partition}-{offset}"]
    for command_id in wrong:
        problem(api.get(f"/v1/commands/{command_id}"), 404, "not_found")


def test_what_did_not_change_is_not_sent_again_and_what_did_is(api: httpx.Client) -> None:
    ref, sku = stocked(api)
    seen = api.get(f"/v1/stock/{sku}")
    kept = {"if-none-match": seen.headers["etag"]}
    again = api.get(f"/v1/stock/{sku}", headers=kept)
    assert (again.status_code, again.content) == (304, b"")
    assert "no-cache" in seen.headers["cache-control"]
    api.patch(f"/v1/batches/{ref}?wait=30", json={"qty": 3})
    assert api.get(f"/v1/stock/{sku}", headers=kept).json()["available"] == 3


def signed(key: str = SECRET, algorithm: str = "HS256", **changed: object) -> str:
    claims = {"iss": "tests", "aud": "api", "sub": "ann", "exp": time.time() + 600, "scope": "orders:read", **changed}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm)


@pytest.mark.parametrize(
    "shown",
    [
        signed(exp=None),
        signed(sub=None),
        signed(exp=time.time() - 60),
        signed(iss="another"),
        signed(aud="another"),
        signed("another secret of thirty-two bytes"),
        signed("", "none"),
        signed(SECRET * 2, "HS512"),
        "no token",
    ],
)
def test_a_token_that_is_not_good_is_401(running: Running, shown: str) -> None:
    with client(running.service) as nobody:
        answer = nobody.get("/v1/orders", headers={"authorization": f"Bearer {shown}"})
        problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert nobody.post("/graphql", json={"query": "{ __typename }"}, headers={"authorization": shown}).is_error


def test_a_clock_may_be_wrong_by_half_a_minute(running: Running) -> None:
    with client(running.service) as api:
        late = {"authorization": f"Bearer {signed(exp=time.time() - 15)}"}
        assert api.get("/v1/orders", headers=late).status_code == 200


def test_with_an_own_scope_one_is_the_customer_oneself(running: Running, api: httpx.Client) -> None:
    name, own = new("bob"), "orders:read:own orders:write:own"
    with client(running.service, own, name) as bob:
        order_id = ordered(bob, new("sku"))["order_id"]
        assert api.get(f"/v1/orders/{order_id}").json()["customer_id"] == name
        ends = running.world.log_ends()
        problem(bob.post("/v1/orders", json=ORDER | {"customer_id": "eve"}), 403, "forbidden")
        problem(bob.get("/v1/orders?customer_id=eve"), 403, "forbidden")
        problem(bob.delete(f"/v1/orders/{new('unknown')}"), 404, "not_found")
        problem(bob.post("/v1/batches", json={"batch_ref": "b", "sku": "s", "qty": 1}), 403, "forbidden")
        assert running.world.log_ends() == ends
    with client(running.service, own, "n" * 65) as nobody:
        problem(nobody.post("/v1/orders", json=ORDER), 403, "forbidden")


PAGES = [f"a{n}: orders(first: $n) {{ edges {{ node {{ lines {{ sku }} }} }} }}" for n in range(20)]
COSTLY = f"query ($n: Int = 100) {{ {' '.join(PAGES)} }}"


@pytest.mark.parametrize(
    ("code", "query", "variables"),
    [
        ("BAD_USER_INPUT", "{ orders(first: 1, last: 1) { edges { cursor } } }", {}),
        ("GRAPHQL_PARSE_FAILED", "{", {}),
        ("GRAPHQL_VALIDATION_FAILED", "{ nothing }", {}),
        ("TOO_MANY_OPERATIONS", "query A { __typename } query B { __typename }", {}),
        ("TOO_MANY_TOKENS", "{" + "a " * 1001 + "}", {}),
        ("TOO_COSTLY", COSTLY, {}),
        ("TOO_COSTLY", COSTLY, {"n": 100}),
    ],
)
def test_what_graphql_refuses_has_a_code(api: httpx.Client, code: str, query: str, variables: dict[str, Any]) -> None:
    answer = api.post("/graphql", json={"query": query, "variables": variables})
    assert {error["extensions"]["code"] for error in answer.json()["errors"]} == {code}


def test_a_field_that_is_refused_is_null_and_the_others_are_answered(running: Running) -> None:
    with client(running.service) as api:
        _, sku = stocked(api)
    query = {"query": "query ($sku: ID!) { order(orderId: 1) { orderId } stock(sku: $sku) { sku } }"}
    with client(running.service, "stock:read") as reader:
        said = reader.post("/graphql", json={**query, "variables": {"sku": sku}}).json()
        assert said["data"] == {"order": None, "stock": {"sku": sku}}
        assert [error["extensions"]["code"] for error in said["errors"]] == ["FORBIDDEN"]
        form = {"operations": (None, '{"query": "{ __typename }"}')}
        problem(reader.post("/graphql", files=form), 415, "unsupported_media_type")
        problem(reader.post("/graphql", json={"query": " " * 2**16}), 413, "too_large")
    with httpx.Client(base_url=f"http://127.0.0.1:{running.service.port}") as nobody:
        problem(nobody.post("/graphql", json=query), 401, "unauthenticated")


def address_of(service: ServiceProcess, request_id: str) -> str:
    return str(service.line("http.request", request_id=request_id)["client"])


def test_a_stranger_is_not_believed_where_they_come_from(running: Running, api: httpx.Client) -> None:
    api.get("/v1/stock", headers={"x-forwarded-for": "192.0.2.1", "x-request-id": "stranger", "traceparent": TRACE})
    assert address_of(running.service, "stranger") == "127.0.0.1"
