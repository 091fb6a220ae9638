"""GraphQL on a real broker and a real database, with real clients; every limit and refusal is held in memory."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any

import httpx
import jwt
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.clients import batch, order, quantity
from tests.e2e.conftest import Launch, Running
from tests.e2e.test_api import EVERYTHING, JWT, SECRET, client, new, running, token
from tests.processes import ROOT, ServiceProcess, wait_until

__all__ = ["running"]

pytestmark = pytest.mark.servers

EVENTS = "subscription ($sku: ID!) { events(sku: $sku) { type id version qty orderId batchRef cause { offset } } }"


@pytest.fixture
def api(running: Running) -> Iterator[httpx.Client]:
    with client(running.service) as api:
        yield api


def data(api: httpx.Client, query: str, **variables: object) -> Mapping[str, Any]:
    answer = api.post("/graphql", json={"query": query, "variables": variables})
    body: Mapping[str, Any] = answer.json()
    assert answer.status_code == 200, body
    assert "errors" not in body, body["errors"]
    shown: Mapping[str, Any] = body["data"]
    return shown


CREATE = """
    mutation ($ref: ID!, $sku: ID!, $qty: Int!) {
        createBatch(input: {batchRef: $ref, sku: $sku, qty: $qty}, wait: 30) {
            command { commandId status } stock { sku available version }
        }
    }
"""
PLACE = """
    mutation ($input: PlaceOrderInput!) {
        placeOrder(input: $input, wait: 30) { command { commandId status } orderId order { ...O } }
    }
    fragment O on Order { orderId customerId status lines { line sku qty status batchRef eta } }
"""


SHOW = """
    query ($id: ID!, $sku: ID!, $command: ID!) {
        order(orderId: $id) { status } stock(sku: $sku) { available } command(commandId: $command) { status }
    }
"""


def test_stock_is_made_ordered_and_shown(api: httpx.Client) -> None:
    ref, sku, order_id = new("batch"), new("sku"), new("order")
    made = data(api, CREATE, ref=ref, sku=sku, qty=10)["createBatch"]
    assert (made["command"]["status"], made["stock"]) == ("applied", {"sku": sku, "available": 10, "version": 1})
    placed = data(api, PLACE, input={"orderId": order_id, "lines": [{"sku": sku, "qty": 4}]})["placeOrder"]
    line = {"line": 0, "sku": sku, "qty": 4, "status": "allocated", "batchRef": ref, "eta": None}
    assert placed["order"] == {"orderId": order_id, "customerId": None, "status": "placed", "lines": [line]}
    shown = data(api, SHOW, id=order_id, sku=sku, command=placed["command"]["commandId"])
    assert shown == {"order": {"status": "placed"}, "stock": {"available": 6}, "command": {"status": "applied"}}
    assert api.get(f"/v1/orders/{order_id}").json()["lines"][0]["batch_ref"] == ref


def test_a_list_is_paged_through_in_both_directions(api: httpx.Client) -> None:
    customer = new("customer")
    ids = sorted(new("order") for _ in range(5))
    for order_id in ids:
        line = {"sku": new("sku"), "qty": 1}
        data(api, PLACE, input={"orderId": order_id, "lines": [line], "customerId": customer})
    query = """
        query ($customer: String, $first: Int, $after: String, $last: Int, $before: String) {
            orders(customerId: $customer, first: $first, after: $after, last: $last, before: $before) {
                edges { node { orderId } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
            }
        }
    """

    def there_and_back(**more: object) -> Iterator[list[str]]:
        length, cursor, end, goes_on = (
            ("first", "after", "endCursor", "hasNextPage")
            if more["forward"]
            else ("last", "before", "startCursor", "hasPreviousPage")
        )
        at = None
        while True:
            page = data(api, query, customer=customer, **{length: 2, cursor: at})["orders"]
            yield [edge["node"]["orderId"] for edge in page["edges"]]
            if not page["pageInfo"][goes_on]:
                return
            at = page["pageInfo"][end]

    assert list(there_and_back(forward=True)) == [ids[:2], ids[2:4], ids[4:]]
    assert list(there_and_back(forward=False)) == [ids[3:], ids[1:3], ids[:1]]


class Reader:
    """A subscriber."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket

    def say(self, **message: object) -> None:
        self.websocket.send(json.dumps(message))

    def hear(self) -> Any:
        return json.loads(self.websocket.recv(30))

    def subscribe(self, sku: str, id_: str = "1") -> None:
        """Return once it stands: messages are taken in their order."""
        self.say(type="subscribe", id=id_, payload={"query": EVENTS, "variables": {"sku": sku}})
        self.say(type="ping")
        assert self.hear() == {"type": "pong"}

    def events(self, count: int) -> list[Any]:
        return [self.hear()["payload"]["data"]["events"] for _ in range(count)]

    def closed(self) -> tuple[int, str]:
        with pytest.raises(ConnectionClosed) as ended:  # noqa: PT012 - until it comes
            while True:
                self.websocket.recv(30)
        assert ended.value.rcvd is not None
        return ended.value.rcvd.code, ended.value.rcvd.reason


def bought(service: ServiceProcess, api: httpx.Client, sku: str, qty: int) -> str:
    """A batch; whoever subscribes now hears no more of its creation, for another has heard of it."""
    ref = new("batch")
    with subscriber(service) as first:
        first.subscribe(sku)
        data(api, CREATE, ref=ref, sku=sku, qty=qty)
        assert [event["batchRef"] for event in first.events(1)] == [ref]
    return ref


@contextmanager
def subscriber(service: ServiceProcess, shown: str | None = None) -> Iterator[Reader]:
    url, protocols = f"ws://127.0.0.1:{service.port}/graphql", [Subprotocol("graphql-transport-ws")]
    with connect(url, subprotocols=protocols) as websocket:
        reader = Reader(websocket)
        reader.say(type="connection_init", payload={"authorization": f"Bearer {shown or token()}"})
        assert reader.hear() == {"type": "connection_ack"}
        yield reader


def test_a_sku_is_followed_from_now_on_whoever_sends_the_messages(running: Running, api: httpx.Client) -> None:
    sku = new("sku")
    bought(running.service, api, sku, 1)
    with subscriber(running.service) as one, subscriber(running.service) as other:
        one.subscribe(sku)
        other.subscribe(sku)
        first = new("order")
        running.world.send(batch(new("b"), sku), *(order(f"{first}-{n}", (sku, 1)) for n in range(20)))
        events = running.world.events_of(sku, 22)
        told = [(event.body["id"], event.body["type"], event.body["cause"]["offset"]) for event in events]
        assert running.service.metric("app_subscriptions") >= 2
        for reader in (one, other):
            heard = [(event["id"], event["type"], event["cause"]["offset"]) for event in reader.events(21)]
            assert heard == told[1:]


def test_the_example_of_the_documentation_follows_a_sku(running: Running, api: httpx.Client) -> None:
    [example] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/graphql.md").read_text(), re.DOTALL)
    known: dict[str, Any] = {}
    exec(example.replace("127.0.0.1:8000", f"127.0.0.1:{running.service.port}"), known)  # noqa: S102 - what readers run
    sku, quantities = new("sku"), count(11)
    ref = bought(running.service, api, sku, 10)
    with ThreadPoolExecutor(1) as reader:
        heard = reader.submit(next, known["follow"](token(), sku))

        def is_heard() -> bool:  # from when on it listens, nobody tells
            running.world.send(quantity(ref, next(quantities)))
            return heard.done()

        wait_until(is_heard)
        assert heard.result()["type"] == "batch.quantity_changed"


def test_what_is_rejected_is_heard_of_as_well(running: Running) -> None:
    sku, order_id = new("sku"), new("order")
    with subscriber(running.service) as reader:
        reader.subscribe(sku)
        running.world.send(order(order_id, (sku, 1)))
        [event] = reader.events(1)
        assert (event["type"], event["version"], event["orderId"]) == ("line.rejected", 0, order_id)


def test_a_subscription_ends_with_its_token(running: Running) -> None:
    # Tokens are taken for 30 s beyond their time.
    claims = {"iss": "tests", "aud": "api", "sub": "ann", "exp": time.time() - 24, "scope": EVERYTHING}
    with subscriber(running.service, jwt.encode(claims, SECRET, "HS256")) as reader:
        reader.subscribe(new("sku"))
        assert reader.closed()[0] == 4401


def test_a_service_that_stops_tells_its_subscribers(launch: Launch) -> None:
    service = launch("api", APP_ROLES="api,worker,relay", **JWT).until_ready()
    with subscriber(service) as reader:
        reader.subscribe(new("sku"))
        began = time.monotonic()
        assert service.terminate() == 0
        assert reader.closed() == (1001, "the service stops")
        assert time.monotonic() - began < 15
