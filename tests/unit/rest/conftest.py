"""The API in front of a shop in memory, where what is sent is applied at once; a token is a name and its scopes."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import structlog
from starlette.types import ASGIApp

from python_app_template.adapters.primary.rest.handlers import Handlers, Views
from python_app_template.adapters.primary.rest.operations import OPERATIONS
from python_app_template.adapters.primary.web.application import application
from python_app_template.adapters.primary.web.guard import guard
from python_app_template.adapters.primary.web.waiting import Waiting
from python_app_template.adapters.primary.writes import Writes
from python_app_template.core.access.rules import POLICY
from python_app_template.core.delivery.commands import CommandIds
from python_app_template.core.use_cases.admit import Admit
from python_app_template.core.use_cases.backoff import Backoff
from python_app_template.core.use_cases.follow_commands import FollowCommands
from python_app_template.core.use_cases.submit_message import SubmitMessage
from tests.fakes.clock import FakeClock
from tests.fakes.commands import FakeCommandLog
from tests.fakes.views import FakeBatchViews
from tests.showrooms import InMemory
from tests.unit.graphql.desk import BOSS, AppliedLog, Counted, Names


@dataclass
class Api:
    """The application, and what is behind it."""

    shop: InMemory
    sent: AppliedLog
    commands: FakeCommandLog
    throttle: Counted
    waiting: Waiting
    ids: CommandIds
    app: ASGIApp
    http: httpx.AsyncClient

    async def ask(
        self, method: str, path: str, body: object = None, token: str | None = BOSS, **headers: str
    ) -> httpx.Response:
        """Ask; a body that is not bytes is sent as JSON. Each answer that is an error is a problem document."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        if body is not None:
            sent.setdefault("content-type", "application/json")
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        answer = await self.http.request(method, path, content=content, headers=sent)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == answer.status_code
            assert {"type", "title", "code", "detail", "errors"} <= answer.json().keys()
        return answer

    async def get(self, path: str, token: str | None = BOSS, **headers: str) -> httpx.Response:
        return await self.ask("GET", path, None, token, **headers)

    async def place(self, order_id: str, token: str = BOSS, **more: Any) -> httpx.Response:
        """Place an order of one line."""
        body = {"order_id": order_id, "lines": [{"sku": "RED-CHAIR", "qty": 2}], **more}
        return await self.ask("POST", "/v1/orders", body, token)


def beside_nothing(**more: Any) -> dict[str, Any]:
    return {"max_body_bytes": 100_000, "beside": {}, **more}


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    shop, clock, commands = InMemory(), FakeClock(1_700_000_000.0), FakeCommandLog()
    sent, throttle, ids = AppliedLog(shop, commands), Counted(), CommandIds(b"s" * 32, "topic-id")
    waiting = Waiting(FollowCommands(commands, 100), Backoff(clock, first=0.1, longest=1))
    writes = Writes(SubmitMessage(sent, ids), waiting, clock, shop.orders, shop.stock, FakeBatchViews(shop.held))
    admit = Admit(Names(), throttle, POLICY)
    handlers = Handlers(writes, Views(shop.orders, shop.stock, shop.stock), waiting, ids, admit)
    app = application(
        [operation.route(handlers) for operation in OPERATIONS],
        guard(admit),
        **beside_nothing(cors_origins=["https://shop.example"]),
    )
    looking = asyncio.create_task(waiting.run())
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as http:
            yield Api(shop, sent, commands, throttle, waiting, ids, app, http)
    finally:
        looking.cancel()


@pytest.fixture
def log_lines() -> Iterator[list[Any]]:
    """What is logged meanwhile."""
    with structlog.testing.capture_logs() as lines:
        yield lines
