"""WebSockets of `/graphql`: who gets one, how many there are, and how all of them end. YOURS."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

import structlog
from starlette.types import Receive, Scope, Send

from python_app_template.adapters.primary.broadcast import Broadcast
from python_app_template.adapters.primary.graphql.closing import GOING, NOT_THIS_PROTOCOL
from python_app_template.adapters.primary.graphql.context import Services
from python_app_template.adapters.primary.graphql.conversation import Conversation
from python_app_template.adapters.primary.graphql.execution import Execution
from python_app_template.adapters.primary.graphql.house import Room
from python_app_template.adapters.primary.web.problems import MEDIA_TYPE, Problem, unavailable
from python_app_template.adapters.wire.events import Body
from python_app_template.core.ports.clock import Clock

PROTOCOL: Final = "graphql-transport-ws"
"""Not `graphql-ws`, which is the name of the protocol before it."""

log = structlog.get_logger(__name__)


class WebSockets:
    """All of this process. Drained, they are closed with a reason, and nobody gets a new one."""

    def __init__(
        self,
        execution: Execution,
        services: Services,
        events: Broadcast[Body],
        clock: Clock,
        room: Room,
        origins: Collection[str] = (),
    ) -> None:
        """`origins`: of pages beside our own that may open one."""
        self._execution, self._services, self.events, self.clock = execution, services, events, clock
        self.room, self._origins = room, origins
        self._open: set[Conversation] = set()
        self._drained, self._closed = False, asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak with one, until either side ends it."""
        await receive()  # that it wants to connect
        if problem := self._refused(scope):
            await _refuse(send, problem)
            return
        conversation = Conversation(scope, receive, send, self._execution, self._services, self)
        if PROTOCOL not in scope["subprotocols"]:
            await send({"type": "websocket.accept"})  # only so can it be told why
            await conversation.close(NOT_THIS_PROTOCOL)
            return
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        self._open.add(conversation)
        began = self.clock.monotonic()
        try:
            await conversation.hold()
        finally:
            self._open.discard(conversation)
            self._look()
            seconds = round(self.clock.monotonic() - began, 1)
            log.info("graphql.closed", seconds=seconds, **conversation.ending)

    @property
    def open(self) -> int:
        """How many there are."""
        return len(self._open)

    def has_room(self) -> bool:
        """Tell whether there may be one more subscription."""
        return self.events.listening < self.room.subscriptions

    def drain(self) -> None:
        """Close all of them."""
        self._drained = True
        for conversation in list(self._open):
            conversation.end(GOING)
        self._look()

    async def closed(self) -> None:
        """Return once they are drained, and the last one is closed."""
        await self._closed.wait()

    def _look(self) -> None:
        if self._drained and not self._open:
            self._closed.set()

    def _refused(self, scope: Scope) -> Problem | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if not self._is_ours(headers):
            return Problem(403, "pages of this origin may not ask here")
        if self._drained or len(self._open) >= self.room.connections:
            return unavailable("no room for another WebSocket")
        return None

    def _is_ours(self, headers: Mapping[bytes, str]) -> bool:
        """Tell whether the page that asks may: a browser sends cookies, and no question, to whatever it connects to."""
        origin = headers.get(b"origin")
        return origin is None or origin in self._origins or urlsplit(origin).netloc == headers.get(b"host")


async def _refuse(send: Send, problem: Problem) -> None:
    headers = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    headers.append((b"content-type", MEDIA_TYPE.encode()))
    await send({"type": "websocket.http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": problem.body()})
