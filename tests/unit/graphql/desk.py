"""`/graphql` in front of a shop in memory, where what is sent is applied at once; a token is a name and its scopes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
from graphql import GraphQLSchema
from prometheus_client import CollectorRegistry

from python_app_template.adapters.primary.broadcast import Broadcast, Numbered
from python_app_template.adapters.primary.graphql.context import Services
from python_app_template.adapters.primary.graphql.endpoint import Endpoint
from python_app_template.adapters.primary.graphql.execution import Execution
from python_app_template.adapters.primary.graphql.house import Room
from python_app_template.adapters.primary.graphql.limits import Limits
from python_app_template.adapters.primary.graphql.schema import build
from python_app_template.adapters.primary.graphql.websocket import WebSockets
from python_app_template.adapters.primary.web.exchange import Edge
from python_app_template.adapters.primary.web.waiting import Waiting
from python_app_template.adapters.primary.writes import Writes
from python_app_template.adapters.secondary.tokens.verifying import OpenDoor
from python_app_template.adapters.wire.events import Body
from python_app_template.core.access.refusals import TooMany, Unauthenticated
from python_app_template.core.access.rules import ALL_SCOPES, POLICY
from python_app_template.core.access.subject import Subject
from python_app_template.core.delivery.commands import CommandIds, Place, Trace
from python_app_template.core.ports.commands import Outgoing
from python_app_template.core.ports.throttle import Throttle
from python_app_template.core.ports.tokens import Tokens
from python_app_template.core.use_cases.admit import Admit
from python_app_template.core.use_cases.backoff import Backoff
from python_app_template.core.use_cases.follow_commands import FollowCommands
from python_app_template.core.use_cases.submit_message import SubmitMessage
from python_app_template.monitoring.subscriptions import SubscriptionMetrics
from tests.fakes.clock import FakeClock
from tests.fakes.commands import FakeCommandLog, FakeMessageLog
from tests.fakes.listening import FakeTopic
from tests.fakes.views import FakeBatchViews
from tests.shop import Body as Message
from tests.showrooms import InMemory

ALL = "orders:read,orders:write,stock:read,stock:write"
BOSS = f"boss {ALL}"


class Names(Tokens):
    """A token is a name, its scopes, and when it expires: `ann orders:read,stock:read 1700000000`."""

    def __init__(self) -> None:
        self.revoked = False

    def subject(self, token: str | None) -> Subject:
        if token is None:
            raise Unauthenticated("a token is needed", shown=False)
        name, scopes, *until = token.split(" ")
        if self.revoked:
            raise Unauthenticated("the token has expired")
        return Subject(name, frozenset(scopes.split(",")), float(until[0]) if until else None)


class Counted(Throttle):
    """Lets so many through."""

    def __init__(self) -> None:
        self.left = 1_000_000

    async def hit(self, subject: str) -> None:
        self.left -= 1
        if self.left < 0:
            raise TooMany(f"too many of {subject}", retry_after=3)

    async def refused(self, address: str) -> None:
        await self.hit(address)


class AppliedLog(FakeMessageLog):
    """What is sent is applied at once."""

    def __init__(self, shop: InMemory, commands: FakeCommandLog) -> None:
        super().__init__()
        self._shop, self._commands = shop, commands

    async def append(self, message: Outgoing) -> Place:
        place = await super().append(message)
        await self._shop.send(json.loads(message.value))
        self._commands.partitions[0] = Trace(len(self.messages))
        return place


@dataclass
class Desk:
    """The application, and what is behind it."""

    shop: InMemory
    sent: AppliedLog
    commands: FakeCommandLog
    tokens: Names
    throttle: Counted
    clock: FakeClock
    websockets: WebSockets
    topic: FakeTopic[Numbered[Body]]
    app: Edge
    http: httpx.AsyncClient
    registry: CollectorRegistry

    def metric(self, name: str, **labels: str) -> float | None:
        """Return what it shows now."""
        return self.registry.get_sample_value(name, labels)

    async def post(self, body: object, token: str | None = BOSS, **headers: str) -> httpx.Response:
        """Send a body as it is."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {} if token is None else {"authorization": f"Bearer {token}"}
        sent = {"content-type": "application/json", **given, **{n.replace("_", "-"): v for n, v in headers.items()}}
        return await self.http.post("/graphql", content=content, headers=sent)

    async def ask(self, query: str, token: str | None = BOSS, **variables: object) -> dict[str, Any]:
        """Return the answer's whole body."""
        answer = await self.post({"query": query, "variables": variables}, token)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def data(self, query: str, token: str | None = BOSS, **variables: object) -> dict[str, Any]:
        """Return the data of an answer without an error."""
        body = await self.ask(query, token, **variables)
        assert "errors" not in body, body["errors"]
        data: dict[str, Any] = body["data"]
        return data

    async def codes(self, query: str, token: str | None = BOSS, **variables: object) -> list[str]:
        """Return the codes of the answer's errors."""
        return codes(await self.ask(query, token, **variables))

    async def send(self, *messages: Message) -> None:
        await self.shop.send(*messages)


def codes(body: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in body["errors"]]


@cache
def schema() -> GraphQLSchema:
    return build(POLICY)


@asynccontextmanager
async def opened(
    limits: Limits = Limits(),  # noqa: B008 - immutable
    *,
    introspection: bool = True,
    room: Room = Room(10, 10, 65536),  # noqa: B008 - likewise
    waiting_events: int = 1000,
    everybody: bool = False,
) -> AsyncIterator[Desk]:
    """Open the desk."""
    shop, clock, commands = InMemory(), FakeClock(), FakeCommandLog()
    pause, topic = Backoff(clock, first=0.1, longest=1), FakeTopic[Numbered[Body]]()
    sent, tokens, throttle = AppliedLog(shop, commands), Names(), Counted()
    ids = CommandIds(b"s" * 32, "topic-id")
    waiting = Waiting(FollowCommands(commands, 100), pause)
    admit = Admit(OpenDoor(ALL_SCOPES) if everybody else tokens, throttle, POLICY)
    writes = Writes(SubmitMessage(sent, ids), waiting, clock, shop.orders, shop.stock, FakeBatchViews(shop.held))
    services = Services(shop.orders, shop.stock, writes, waiting, ids, admit)
    registry = CollectorRegistry()
    metrics = SubscriptionMetrics(registry)
    broadcast = Broadcast[Body](topic, clock, pause, waiting_events, lambda why: metrics.ended(why.reason))
    metrics.shows(lambda: broadcast.listening)
    execution = Execution(schema(), limits, introspection=introspection)
    websockets = WebSockets(execution, services, broadcast, clock, room)
    app = Edge(Endpoint(execution, services, websockets, 65536))
    tasks = [asyncio.create_task(waiting.run()), asyncio.create_task(broadcast.run())]
    transport = httpx.ASGITransport(app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://desk") as http:
            yield Desk(shop, sent, commands, tokens, throttle, clock, websockets, topic, app, http, registry)
    finally:
        for task in tasks:
            task.cancel()
