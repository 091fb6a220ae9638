"""Orders over HTTP, on a real broker and a real database; the rest of the contract's section 9 is held in memory."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import jwt
import pytest

from python_app_template.settings import Settings
from tests.clients import World, origin_of
from tests.e2e.conftest import Launch, Running, assert_no_secret
from tests.forking.services import ForkedService, ForkServer
from tests.processes import ServiceProcess, wait_until
from tests.servers import Kafka, Postgres
from tests.surroundings import new_database, new_topics, settings_for

pytestmark = pytest.mark.servers

SECRET = "for tests alone, and 32 bytes long"  # noqa: S105 - likewise
JWT = {
    "APP_AUTH__MODE": "jwt",
    "APP_AUTH__ISSUER": "tests",
    "APP_AUTH__AUDIENCE": "api",
    "APP_AUTH__SECRET": SECRET,
    "APP_AUTH__ALGORITHMS": "HS256",
}
OPEN = {"APP_AUTH__MODE": "none"}
EVERYTHING = "orders:read orders:write stock:read stock:write"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def token(scope: str = EVERYTHING, subject: str = "ann") -> str:
    claims = {"iss": "tests", "aud": "api", "sub": subject, "exp": time.time() + 600, "scope": scope}
    return jwt.encode(claims, SECRET, "HS256")


def client(service: ServiceProcess, scope: str = EVERYTHING, subject: str = "ann") -> httpx.Client:
    headers = {"authorization": f"Bearer {token(scope, subject)}"}
    return httpx.Client(base_url=f"http://127.0.0.1:{service.port}", headers=headers, timeout=40)


@pytest.fixture(scope="module")
def running(
    kafka: Kafka, postgres: Postgres, template: str, tmp_path_factory: pytest.TempPathFactory, forks: ForkServer
) -> Iterator[Running]:
    """A service with all that it takes to answer, for all tests of the module."""
    with new_database(postgres, template) as url, new_topics(kafka) as topics:
        settings = settings_for(kafka, url, topics)
        directory, variables = tmp_path_factory.mktemp("api"), {"APP_ROLES": "api,worker,relay", **JWT}
        process = ForkedService(forks, settings, directory, "api", **variables)
        try:
            yield Running(process.start().until_ready(), World(settings), settings)
            assert process.terminate() == 0, process.explain()
        finally:
            process.close()
        assert_no_secret(settings, process)
        assert SECRET not in process.log()


@pytest.fixture
def api(running: Running) -> Iterator[httpx.Client]:
    with client(running.service) as api:
        yield api


def new(kind: str) -> str:
    return f"{kind}-{uuid4().hex[:12]}"


def stocked(api: httpx.Client, qty: int = 10) -> tuple[str, str]:
    """A batch of a new SKU."""
    ref, sku = new("batch"), new("sku")
    said = api.post("/v1/batches?wait=30", json={"batch_ref": ref, "sku": sku, "qty": qty}).json()
    assert (said["status"], said["stock"]["available"]) == ("applied", qty)
    return ref, sku


def ordered(api: httpx.Client, sku: str, **more: Any) -> Mapping[str, Any]:
    answer = api.post("/v1/orders?wait=30", json={"lines": [{"sku": sku, "qty": 2}], **more})
    assert answer.status_code == 202, answer.text
    said: Mapping[str, Any] = answer.json()
    return said


def test_an_order_is_placed_followed_changed_and_cancelled(api: httpx.Client) -> None:
    ref, sku = stocked(api)
    placed = ordered(api, sku)
    line = {"line": 0, "sku": sku, "qty": 2, "status": "allocated", "batch_ref": ref, "eta": None}
    assert (placed["status"], placed["order"]["lines"]) == ("applied", [line])
    changed = api.patch(f"/v1/batches/{ref}?wait=30", json={"qty": 1}).json()
    assert changed["stock"]["batches"] == [{"batch_ref": ref, "purchased": 1, "available": 1, "eta": None}]
    shown = api.get(f"/v1/orders/{placed['order_id']}").json()
    assert [line["status"] for line in shown["lines"]] == ["out_of_stock"]
    gone = api.delete(f"/v1/orders/{placed['order_id']}?wait=30").json()
    assert (gone["status"], gone["order"]["status"]) == ("applied", "cancelled")


def test_a_write_is_on_the_topic_before_it_is_answered(running: Running, api: httpx.Client) -> None:
    order_id = new("order")
    body = {"order_id": order_id, "lines": [{"sku": new("sku"), "qty": 1}]}
    answer = api.post("/v1/orders", json=body, headers={"traceparent": TRACE, "x-request-id": "r-1"})
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    partition, offset, _ = answer.json()["command_id"].split("-", 2)
    found = running.world.read_to_end(running.settings.kafka.input_topic)
    (message,) = [m for m in found if (m.partition, m.offset) == (int(partition), int(offset))]
    assert (message.key, message.body["order_id"]) == (order_id.encode(), order_id)
    assert message.headers == {"traceparent": TRACE.encode(), "x-request-id": b"r-1"}


def test_a_trace_comes_out_with_the_events(running: Running, api: httpx.Client) -> None:
    sku = new("sku")
    body = {"batch_ref": new("batch"), "sku": sku, "qty": 1}
    assert api.post("/v1/batches", json=body, headers={"traceparent": TRACE}).status_code == 202
    (event,) = running.world.events_of(sku, 1)
    assert event.headers["traceparent"] == TRACE.encode()


def test_a_write_about_the_unknown_is_taken_and_becomes_a_dead_letter(running: Running, api: httpx.Client) -> None:
    order_id = new("never placed")
    answer = api.delete(f"/v1/orders/{quote(order_id)}?wait=30")
    assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (
        202,
        "dead_lettered",
        "unknown_order",
    )
    said = api.get(answer.headers["location"]).json()
    assert order_id in said["detail"]
    partition, offset, _ = said["command_id"].split("-", 2)
    place = int(partition), int(offset)
    topic = running.settings.kafka.dead_letter_topic
    assert running.world.read(topic, lambda letters: place in [origin_of(letter) for letter in letters])


def test_a_read_after_a_command_shows_what_it_did(api: httpx.Client) -> None:
    ref, sku = new("batch"), new("sku")
    command_id = api.post("/v1/batches", json={"batch_ref": ref, "sku": sku, "qty": 3}).json()["command_id"]
    assert api.get(f"/v1/stock/{sku}?after_command={command_id}").json()["available"] == 3
    command_id = api.patch(f"/v1/batches/{ref}", json={"qty": 5}).json()["command_id"]
    listed = api.get(f"/v1/stock?first=100&after_command={command_id}").json()["items"]
    assert [stock["available"] for stock in listed if stock["sku"] == sku] == [5]


@pytest.mark.parametrize("odd", ["a/b", "%2F", "100%?", "a+b", "..", "😀é", "a//b"])
def test_an_id_may_hold_any_character(api: httpx.Client, odd: str) -> None:
    _, sku = stocked(api)
    order_id = f"{odd}{new('')}{odd}"
    assert ordered(api, sku, order_id=order_id)["order"]["order_id"] == order_id
    path = f"/v1/orders/{quote(order_id, safe='')}"
    assert api.get(path).json()["order_id"] == order_id
    assert api.delete(f"{path}?wait=30").json()["order"]["status"] == "cancelled"


def test_lists_are_in_code_point_order_and_go_on_behind_their_cursor(api: httpx.Client) -> None:
    _, sku = stocked(api, 100)
    customer = new("customer")
    names = [f"{customer}{letter}" for letter in ("B", "a", "É", "/", "Z")]
    for name in names:
        ordered(api, sku, order_id=name, customer_id=customer)
    first = api.get("/v1/orders", params={"customer_id": customer, "first": 3}).json()
    rest = api.get("/v1/orders", params={"customer_id": customer, "first": 3, "after": first["next"]}).json()
    found = [order["order_id"] for order in first["items"] + rest["items"]]
    assert rest["next"] is None
    assert found == sorted(names)


def test_with_an_own_scope_orders_are_ones_own(running: Running, api: httpx.Client) -> None:
    _, sku = stocked(api)
    own = "orders:read:own orders:write:own"
    with client(running.service, own, new("bob")) as bob, client(running.service, own, new("eve")) as eve:
        placed = ordered(bob, sku)
        path, command = f"/v1/orders/{placed['order_id']}", f"/v1/commands/{placed['command_id']}"
        seen = [asking.get(where).status_code for asking in (bob, eve, api) for where in (path, command)]
        assert seen == [200, 200, 404, 404, 200, 200]
        ends = running.world.log_ends()
        assert eve.delete(path).status_code == 404
        assert running.world.log_ends() == ends
        assert [order["order_id"] for order in bob.get("/v1/orders").json()["items"]] == [placed["order_id"]]
        assert eve.get("/v1/orders").json() == {"items": [], "next": None}


def test_a_token_is_needed_but_not_for_what_is_public(running: Running) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{running.service.port}") as nobody:
        assert nobody.get("/v1/orders").status_code == 401
        for path in ["/health/live", "/health/ready", "/metrics", "/docs", "/openapi.json"]:
            assert nobody.get(path).status_code == 200


def test_every_request_has_a_line_in_the_log(running: Running, api: httpx.Client) -> None:
    api.get("/v1/stock/none", headers={"x-request-id": "look-for-me"})
    line = running.service.line("http.request", request_id="look-for-me")
    assert (line["status"], line["path"]) == (404, "/v1/stock/none")


def test_a_stop_answers_those_who_wait_with_pending(launch: Launch, world: World) -> None:
    alone = launch("api", APP_ROLES="api", **OPEN).until_ready()
    body = {"lines": [{"sku": "nobody decides it", "qty": 1}]}
    with ThreadPoolExecutor() as pool, client(alone) as api:
        waiting = pool.submit(api.post, "/v1/orders?wait=30", json=body)
        wait_until(lambda: sum(world.log_ends().values()) == 1)
        began = time.monotonic()
        code = alone.terminate()
        answer = waiting.result()
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    assert code == 0
    assert time.monotonic() - began < 20


def test_a_group_that_is_not_the_workers_keeps_the_api_from_starting(
    launch: Launch, settings: Settings, world: World
) -> None:
    worker = launch("worker").until_ready()
    world.send({"type": "batch.created", "batch_ref": "b", "sku": "s", "qty": 1, "eta": None})
    wait_until(lambda: worker.metric("app_messages_consumed_total") == 1)
    other = launch("api", APP_ROLES="api", APP_KAFKA__GROUP_ID=f"{settings.kafka.group_id}-other", **OPEN)
    assert other.wait() == 3
    (line,) = [line for line in other.lines("preflight") if line["name"] == "group of the positions"]
    assert settings.kafka.group_id in line["found"]


def test_metrics_and_health_can_have_a_port_of_their_own(launch: Launch) -> None:
    service = launch("apart", APP_ROLES="api", APP_HTTP__METRICS_PORT="0", **OPEN).until_ready()
    public, own = [int(line["port"]) for line in service.lines("http.listening")]
    for path in ["/metrics", "/health/live", "/health/ready"]:
        answer = httpx.get(f"http://127.0.0.1:{public}{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        assert httpx.get(f"http://127.0.0.1:{own}{path}").status_code == 200
    assert httpx.get(f"http://127.0.0.1:{public}/openapi.json").status_code == 200
