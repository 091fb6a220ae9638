"""Subscriptions over `graphql-transport-ws`, with a real client."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from python_app_template.adapters.primary.broadcast import Numbered
from python_app_template.adapters.primary.graphql.house import Room
from python_app_template.adapters.primary.graphql.websocket import PROTOCOL
from python_app_template.adapters.primary.http import serving
from python_app_template.adapters.wire.events import BatchQuantityChanged, Body, Cause, LineRejected
from python_app_template.monitoring.subscriptions import REASONS
from tests.unit.graphql.desk import BOSS, Desk, opened

EVENTS = "subscription ($sku: ID!) { events(sku: $sku) { type id sku version qty orderId cause { offset } } }"


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with opened(room=Room(3, 4, 65536, init_seconds=1, close_seconds=0.2), waiting_events=5) as desk:
        yield desk


@pytest.fixture
async def port(desk: Desk) -> AsyncIterator[int]:
    async with serving(desk.app, "127.0.0.1", 0) as address:
        yield address.port


def event(version: int, sku: str = "S", size: int = 1) -> Numbered[Body]:
    at, cause = "2026-11-21T08:00:00.000000Z", Cause("raw-push", 0, 2**40 + version)
    return Numbered(
        sku, version, BatchQuantityChanged(f"{sku}/{version}", sku, version, at, cause, "b" * size, version)
    )


def rejected(order_id: str, sku: str = "S") -> Numbered[Body]:
    at, cause = "2026-11-21T08:00:00.000000Z", Cause("raw-push", 0, 1)
    return Numbered(sku, 0, LineRejected(f"{order_id}/0/rejected", sku, 0, at, cause, order_id, 0, 1, "unknown_sku"))


class Client:
    """Speaks the protocol."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket

    async def say(self, **message: object) -> None:
        await self.websocket.send(json.dumps(message))

    async def hear(self) -> Any:
        return json.loads(await self.websocket.recv())

    async def begin(self, token: str | None = BOSS) -> "Client":
        await self.say(type="connection_init", payload={"authorization": f"Bearer {token}"} if token else None)
        assert await self.hear() == {"type": "connection_ack"}
        return self

    async def subscribe(self, sku: str = "S", id_: str = "1", query: str = EVENTS) -> "Client":
        await self.say(type="subscribe", id=id_, payload={"query": query, "variables": {"sku": sku}})
        await self.say(type="ping")
        assert await self.hear() == {"type": "pong"}
        return self

    async def events(self, count: int) -> list[tuple[str, str]]:
        """Operation and event."""
        heard = [await self.hear() for _ in range(count)]
        assert all(message["type"] == "next" for message in heard), heard
        return [(message["id"], message["payload"]["data"]["events"]["id"]) for message in heard]

    async def closed(self) -> tuple[int, str]:
        """Code and reason, whatever comes before."""
        with pytest.raises(ConnectionClosed) as ended:  # noqa: PT012 - until it comes
            while True:
                await self.websocket.recv()
        assert ended.value.rcvd is not None
        return ended.value.rcvd.code, ended.value.rcvd.reason


@asynccontextmanager
async def client(port: int, **more: Any) -> AsyncIterator[Client]:
    given = {"subprotocols": [Subprotocol(PROTOCOL)], **more}
    async with asyncio.timeout(10), connect(f"ws://127.0.0.1:{port}/graphql", **given) as websocket:
        yield Client(websocket)


async def test_events_of_a_sku_are_heard_from_now_on_each_once_and_in_order(desk: Desk, port: int) -> None:
    desk.topic.publish(event(1), event(2))
    async with client(port) as reader:
        assert reader.websocket.subprotocol == PROTOCOL
        await (await reader.begin()).subscribe()
        desk.topic.publish(event(3), event(1, "T"), rejected("o"), event(4))
        message = await reader.hear()
        cause = {"offset": 2**40 + 3}
        shown = {"type": "batch.quantity_changed", "id": "S/3", "sku": "S", "version": 3, "qty": 3, "orderId": None}
        assert message == {"id": "1", "type": "next", "payload": {"data": {"events": {**shown, "cause": cause}}}}
        assert await reader.events(2) == [("1", "o/0/rejected"), ("1", "S/4")]


async def test_several_readers_hear_the_same_and_one_connection_has_several_subscriptions(
    desk: Desk, port: int
) -> None:
    async with client(port) as one, client(port) as two:
        await (await (await one.begin()).subscribe("S", "s")).subscribe("T", "t")
        await (await two.begin()).subscribe("S", "x")
        desk.topic.publish(event(1), event(1, "T"))
        assert await one.events(2) == [("s", "S/1"), ("t", "T/1")]
        assert await two.events(1) == [("x", "S/1")]


async def test_who_completes_hears_no_more_and_may_use_the_id_again(desk: Desk, port: int) -> None:
    async with client(port) as reader:
        await (await reader.begin()).subscribe()
        await reader.say(type="complete", id="1")
        await reader.say(type="complete", id="never there")
        await reader.subscribe("T")
        desk.topic.publish(event(1), event(1, "T"))
        assert await reader.events(1) == [("1", "T/1")]
        assert len(desk.topic.places) == 1


async def test_queries_are_answered_as_well(port: int) -> None:
    async with client(port) as reader:
        await reader.begin()
        await reader.say(type="subscribe", id="q", payload={"query": "{ __typename }"})
        assert await reader.hear() == {"id": "q", "type": "next", "payload": {"data": {"__typename": "Query"}}}
        assert await reader.hear() == {"id": "q", "type": "complete"}


# The protocol


@pytest.mark.parametrize("protocols", [[], ["graphql-ws"], ["soap"]])
async def test_another_protocol_is_refused_the_one_before_it_too(port: int, protocols: list[str]) -> None:
    async with client(port, subprotocols=[Subprotocol(name) for name in protocols] or None) as reader:
        assert reader.websocket.subprotocol is None
        assert (await reader.closed())[0] == 4406


async def test_of_several_protocols_ours_is_taken(port: int) -> None:
    both = [Subprotocol("graphql-ws"), Subprotocol(PROTOCOL)]
    async with client(port, subprotocols=both) as reader:
        assert reader.websocket.subprotocol == PROTOCOL
        await reader.begin()


@pytest.mark.parametrize(
    "said",
    [
        "no JSON",
        "[]",
        "{}",
        '{"type": 1}',
        '{"type": "start"}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": "1", "payload": {}}',
        '{"type": "complete"}',
    ],
)
async def test_what_is_no_message_of_the_protocol_ends_the_connection(port: int, said: str) -> None:
    async with client(port) as reader:
        await reader.begin()
        await reader.websocket.send(said)
        assert (await reader.closed())[0] == 4400


async def test_who_subscribes_before_introducing_themselves_is_not_let_in(port: int) -> None:
    async with client(port) as reader:
        await reader.say(type="subscribe", id="1", payload={"query": "{ __typename }"})
        assert await reader.closed() == (4401, "Unauthorized")


async def test_who_introduces_themselves_twice_is_refused(port: int) -> None:
    async with client(port) as reader:
        await reader.begin()
        await reader.say(type="connection_init")
        assert await reader.closed() == (4429, "Too many initialisation requests")


async def test_an_id_that_is_in_use_is_refused(port: int) -> None:
    async with client(port) as reader:
        await (await reader.begin()).subscribe()
        await reader.say(type="subscribe", id="1", payload={"query": EVENTS, "variables": {"sku": "T"}})
        assert await reader.closed() == (4409, "Subscriber for 1 already exists")


async def test_who_says_nothing_is_not_waited_for(port: int) -> None:
    async with client(port) as reader:
        assert await reader.closed() == (4408, "Connection initialisation timeout")


async def test_a_ping_is_answered_at_any_time(port: int) -> None:
    async with client(port) as reader:
        await reader.say(type="ping", payload={"a": 1})
        assert await reader.hear() == {"type": "pong", "payload": {"a": 1}}
        await reader.say(type="pong")
        await reader.begin()


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription { events }", "GRAPHQL_VALIDATION_FAILED"),
        ('subscription { events(sku: "") { id } }', "BAD_USER_INPUT"),
        ('subscription { a: events(sku: "S") { id } b: events(sku: "S") { id } }', "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ('subscription { events(sku: "S") { ' + "id " * 1000 + "} }", "TOO_MANY_TOKENS"),
    ],
)
async def test_a_subscription_that_is_refused_leaves_the_others_alone(
    desk: Desk, port: int, query: str, code: str
) -> None:
    async with client(port) as reader:
        await (await reader.begin()).subscribe()
        await reader.say(type="subscribe", id="2", payload={"query": query})
        refused = await reader.hear()
        assert (refused["type"], refused["id"], refused["payload"][0]["extensions"]["code"]) == ("error", "2", code)
        desk.topic.publish(event(1))
        assert await reader.events(1) == [("1", "S/1")]


async def test_a_message_that_is_too_large_ends_the_connection(port: int) -> None:
    async with client(port) as reader:
        await reader.begin()
        await reader.websocket.send(json.dumps({"type": "ping", "payload": {"x": "x" * 65536}}))
        assert (await reader.closed())[0] == 1009


# Who may


@pytest.mark.parametrize("payload", [None, {}, {"authorization": "Basic eDp5"}, {"authorization": 1}, "x"])
async def test_without_a_token_nobody_is_let_in(desk: Desk, port: int, payload: object) -> None:
    desk.tokens.revoked = True
    async with client(port) as reader:
        await reader.say(type="connection_init", payload=payload)
        assert (await reader.closed())[0] == 4401


async def test_the_token_of_a_header_is_not_taken(port: int) -> None:
    async with client(port, additional_headers={"authorization": f"Bearer {BOSS}"}) as reader:
        await reader.say(type="connection_init")
        assert (await reader.closed())[0] == 4401


async def test_where_no_token_is_asked_for_everybody_is_let_in() -> None:
    async with opened(everybody=True) as desk, serving(desk.app, "127.0.0.1", 0) as address:
        assert await desk.data("{ orders { edges { cursor } } }", None) == {"orders": {"edges": []}}
        async with client(address.port) as reader:
            await (await reader.begin(None)).subscribe()


async def test_without_the_scope_a_subscription_is_forbidden(port: int) -> None:
    async with client(port) as reader:
        await reader.begin("ann orders:read:own,stock:read")
        await reader.say(type="subscribe", id="1", payload={"query": EVENTS, "variables": {"sku": "S"}})
        refused = await reader.hear()
        assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")


async def test_when_the_token_has_expired_the_connection_ends(desk: Desk, port: int) -> None:
    async with client(port) as reader:
        await reader.begin("ann orders:read 0.2")  # the clock of the desk stands at 0
        await reader.subscribe()
        desk.tokens.revoked = True
        desk.clock.time = 0.3
        assert (await reader.closed())[0] == 4401


async def test_a_page_of_another_site_can_not_connect(port: int) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        async with client(port, origin=Origin("https://evil.example")):
            pass
    async with client(port, origin=Origin(f"http://127.0.0.1:{port}")) as reader:
        await reader.begin()


# How many, how slow


async def test_there_is_room_for_so_many_subscriptions(desk: Desk, port: int) -> None:
    async with client(port) as reader:
        await reader.begin()
        for number in range(4):
            await reader.subscribe(id_=str(number))
        await reader.say(type="subscribe", id="5", payload={"query": EVENTS, "variables": {"sku": "S"}})
        assert (await reader.hear())["payload"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
        await reader.say(type="complete", id="0")
        await reader.subscribe(id_="5")
        desk.topic.publish(event(1))
        assert len(await reader.events(4)) == 4


async def test_there_is_room_for_so_many_connections_and_it_is_given_back(port: int) -> None:
    async with client(port) as one, client(port), client(port):
        await one.begin()
        with pytest.raises(InvalidStatus, match="503"):
            async with client(port):
                pass
    async with client(port) as again:
        await again.begin()


async def test_a_slow_reader_is_closed_and_holds_nobody_up(desk: Desk, port: int) -> None:
    async with client(port, max_queue=1) as slow, client(port) as quick:
        await (await slow.begin()).subscribe()
        await (await quick.begin()).subscribe()
        desk.topic.publish(*(event(number) for number in range(1, 8)))  # more than wait for anybody, in one go
        assert (await slow.closed())[0] == 1008
        assert (await quick.closed())[0] == 1008
    assert ended(desk) == {"too_slow": 2, "missed": 0}
    assert desk.metric("app_subscriptions") == 0


async def test_subscriptions_are_counted_while_they_are_open(desk: Desk, port: int) -> None:
    assert desk.metric("app_subscriptions") == 0
    async with client(port) as reader, client(port) as other:
        await (await (await reader.begin()).subscribe("S", "s")).subscribe("T", "t")
        await (await other.begin()).subscribe()
        assert desk.metric("app_subscriptions") == 3
        await reader.say(type="complete", id="t")
        await until(lambda: desk.metric("app_subscriptions") == 2)
    await until(lambda: desk.metric("app_subscriptions") == 0)
    assert ended(desk) == {"too_slow": 0, "missed": 0}, "they left by themselves"


def ended(desk: Desk) -> dict[str, float | None]:
    return {reason: desk.metric("app_subscriptions_ended_total", reason=reason) for reason in REASONS}


async def test_who_does_not_read_is_cut_off(desk: Desk, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    head = "GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    key = f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\nSec-WebSocket-Protocol: {PROTOCOL}\r\n"
    async with asyncio.timeout(10):
        writer.write(f"{head}{key}\r\n".encode())
        assert b"101" in await reader.readuntil(b"\r\n\r\n")
        writer.write(_frame({"type": "connection_init", "payload": {"authorization": f"Bearer {BOSS}"}}))
        query = 'subscription { events(sku: "S") { batchRef } }'
        writer.write(_frame({"type": "subscribe", "id": "1", "payload": {"query": query}}))
        await until(lambda: desk.websockets.events.listening == 1)
        desk.topic.publish(*(event(number, size=2**23) for number in range(1, 5)))  # more than buffers hold
        await asyncio.sleep(0.2)
        assert desk.websockets.open == 1
        desk.topic.publish(*(event(number) for number in range(5, 12)))
        await until(lambda: not desk.websockets.open)
        await asyncio.sleep(0.2)
        received = 0
        with suppress(ConnectionResetError):
            while chunk := await reader.read(2**20):
                received += len(chunk)
        assert received < 2**23, "what nobody had read was kept for them"
    writer.close()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.005)


def _frame(message: object) -> bytes:
    payload = json.dumps(message).encode()
    length = len(payload).to_bytes(2) if len(payload) >= 126 else b""
    return bytes([0x81, 0x80 | (126 if length else len(payload))]) + length + b"\0\0\0\0" + payload


# Outages


async def test_after_an_outage_it_goes_on_where_it_was(desk: Desk, port: int) -> None:
    async with client(port) as reader:
        await (await reader.begin()).subscribe()
        desk.topic.publish(event(1))
        assert await reader.events(1) == [("1", "S/1")]
        desk.topic.fail()
        desk.topic.publish(event(2), event(3))
        assert await reader.events(2) == [("1", "S/2"), ("1", "S/3")]


@pytest.mark.parametrize("what", ["topic_recreated", "log_truncated"])
async def test_when_events_may_have_been_missed_it_is_told(desk: Desk, port: int, what: str) -> None:
    async with client(port) as reader:
        await (await reader.begin()).subscribe()
        desk.topic.publish(event(1))
        await reader.events(1)
        if what == "topic_recreated":
            desk.topic.topic_id = "another"
        else:
            desk.topic.events += [event(2)]
            desk.topic.start_offset = 2
        desk.topic.fail()
        assert await reader.closed() == (1011, f"events may have been missed: {what}")
    assert ended(desk) == {"too_slow": 0, "missed": 1}
    async with client(port) as again:
        await (await again.begin()).subscribe()
        desk.topic.publish(event(9))
        assert await again.events(1) == [("1", "S/9")]


async def test_a_gap_in_the_versions_is_told_and_a_repetition_is_not(desk: Desk, port: int) -> None:
    async with client(port) as reader:
        await (await reader.begin()).subscribe()
        desk.topic.publish(event(1), event(1), event(2))
        assert await reader.events(2) == [("1", "S/1"), ("1", "S/2")]
        desk.topic.publish(event(4))
        assert await reader.closed() == (1011, "events 3 to 3 of 'S' were missed")


async def test_a_service_that_stops_says_so_and_lets_nobody_in(desk: Desk, port: int) -> None:
    async with client(port) as reader:
        await (await reader.begin()).subscribe()
        desk.websockets.drain()
        assert await reader.closed() == (1001, "the service stops")
        await desk.websockets.closed()
        with pytest.raises(InvalidStatus, match="503"):
            async with client(port):
                pass
