"""One connection that speaks `graphql-transport-ws` (of the project graphql-ws, its PROTOCOL.md). YOURS.

ariadne has a handler for it. This one also asks for the token again when it expires, closes who reads too slowly, takes
no more than it is told to, and ends with a reason when the service stops.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec
from graphql import ExecutionResult, OperationType
from starlette.types import Receive, Scope, Send

from python_app_template.adapters.primary.broadcast import Ended, Listener, TooSlow
from python_app_template.adapters.primary.graphql.closing import (
    EVENTS_AWAY,
    NOT_UNDERSTOOD,
    NOT_YET,
    TOO_LATE,
    TWICE,
    Close,
)
from python_app_template.adapters.primary.graphql.context import Context, Services
from python_app_template.adapters.primary.graphql.errors import (
    TOO_MANY_SUBSCRIPTIONS,
    Refusal,
    answer,
    explained,
    refused,
)
from python_app_template.adapters.primary.graphql.execution import Body as Answer
from python_app_template.adapters.primary.graphql.execution import Execution, Ready, asked
from python_app_template.adapters.primary.graphql.house import House
from python_app_template.adapters.primary.http_websockets import CUT
from python_app_template.adapters.primary.web.exchange import EXCHANGE, Exchange
from python_app_template.adapters.primary.web.problems import Problem
from python_app_template.adapters.primary.writes import JUDGE
from python_app_template.adapters.wire.events import Body
from python_app_template.core.access.refusals import Forbidden, KeysAway, TooMany, Unauthenticated
from python_app_template.core.access.rules import ASK_GRAPHQL
from python_app_template.core.access.subject import Subject

READY_SECONDS: Final = 5.0
"""For the events' topic to be read."""
LOOK_SECONDS: Final = 30.0
"""Between two looks at the clock, which may be set."""
MOST_AT_A_TIME: Final = 100
"""Operations of one connection."""


class Conversation:
    """Messages are taken one after the other: what a `pong` answers, all before it is done."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, execution: Execution, services: Services, house: House
    ) -> None:
        self._exchange: Exchange = scope[EXCHANGE]
        self._cut: Callable[[], None] = scope.get("state", {}).get(CUT, lambda: None)
        self._receive, self._send = receive, send
        self._execution, self._services, self._house = execution, services, house
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: asyncio.Future[Close] = asyncio.get_running_loop().create_future()
        self._subject: Subject | None = None

    async def hold(self) -> None:
        """Talk until either side has enough."""
        talking = asyncio.create_task(self._talk())
        both: set[asyncio.Future[Any]] = {talking, self._ended}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        tasks = [talking, *self._tasks, *self._operations.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._ended.done():
            await self.close(self._ended.result())
        if not talking.cancelled() and (fault := talking.exception()) and not isinstance(fault, OSError):
            raise fault

    def end(self, why: Close) -> None:
        """Let it end with this; the first word stands."""
        if not self._ended.done():
            self._ended.set_result(why)

    @property
    def ending(self) -> Mapping[str, object]:
        """How it ended, for the log."""
        why = self._ended.result() if self._ended.done() else None
        said = {} if why is None else {"code": why.code, "reason": why.reason}
        return {**said, "client": self._exchange.address, "request_id": self._exchange.request_id}

    async def close(self, why: Close) -> None:
        """Say why, and cut off who does not take it."""
        seconds = self._house.room.close_seconds
        asyncio.get_running_loop().call_later(seconds, self._cut)
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(seconds):
                await self._send({"type": "websocket.close", "code": why.code, "reason": why.reason})

    # --- What the client says

    async def _talk(self) -> None:
        try:
            token = await self._introduction()
            self._subject = await self._identified(token)
            async with self._house.events.in_use(READY_SECONDS):
                self._tasks.add(asyncio.create_task(self._watch(token)))
                await self._say(type="connection_ack")
                while True:
                    await self._take(await self._next())
        except TimeoutError:
            self.end(EVENTS_AWAY)
        except Close as why:
            self.end(why)

    async def _introduction(self) -> str | None:
        """Return the token with which the client introduces itself. Raises Close."""
        try:
            async with asyncio.timeout(self._house.room.init_seconds):
                while (message := await self._next())["type"] != "connection_init":
                    if message["type"] == "subscribe":
                        raise NOT_YET
                    await self._take(message)
        except TimeoutError:
            raise TOO_LATE from None
        return _token(message.get("payload"))

    async def _next(self) -> Mapping[str, Any]:
        """Return the next message. Raises Close; OSError: there is none any more."""
        received = await self._receive()
        if received["type"] == "websocket.disconnect":
            raise ConnectionResetError
        text = (received.get("text") or "").encode()
        if len(text) > self._house.room.message_bytes:
            raise Close(1009, f"a message may have {self._house.room.message_bytes} bytes")
        try:
            message = JUDGE.read(text)
        except Problem:
            raise NOT_UNDERSTOOD from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise NOT_UNDERSTOOD
        return message

    async def _take(self, message: Mapping[str, Any]) -> None:
        match message:
            case {"type": "ping"}:
                given = message.get("payload")
                await self._say(type="pong", **({} if given is None else {"payload": given}))
            case {"type": "pong"}:
                pass
            case {"type": "subscribe", "id": str(id_), "payload": dict(payload)} if id_:
                await self._subscribe(id_, payload)
            case {"type": "complete", "id": str(id_)}:
                if task := self._operations.pop(id_, None):
                    task.cancel()
                    await asyncio.wait({task})
            case {"type": "connection_init"}:
                raise TWICE
            case _:
                raise NOT_UNDERSTOOD

    # --- Who it is

    async def _identified(self, token: str | None) -> Subject:
        try:
            subject, _ = await self._services.admit(
                ASK_GRAPHQL, None if token is None else f"Bearer {token}", self._exchange.address
            )
        except (Unauthenticated, Forbidden) as refused_:
            code = 4401 if isinstance(refused_, Unauthenticated) else 4403
            raise Close(code, refused_.why) from None
        except (TooMany, KeysAway) as later:
            raise Close(1013, later.why) from None
        if subject is None:
            raise NOT_YET
        return subject

    async def _watch(self, token: str | None) -> None:
        """Ask for the token again once it has expired."""
        while self._subject is not None and (until := self._subject.until) is not None:
            left = until - self._house.clock.now().timestamp()
            await asyncio.sleep(min(max(left, 0) + 0.05, LOOK_SECONDS))
            if left <= 0:
                try:
                    self._subject = await self._identified(token)
                except Close as why:
                    self.end(why)
                    return

    # --- What it asks for

    async def _subscribe(self, id_: str, payload: Mapping[str, Any]) -> None:
        if id_ in self._operations:
            raise Close(4409, f"Subscriber for {id_} already exists")
        try:
            request = asked(payload)
        except ValueError:
            raise NOT_UNDERSTOOD from None
        if refusal := await self._refusal():
            await self._refuse(id_, refused([refusal]))
            return
        ready = self._execution.prepare(request)
        if not isinstance(ready, Ready):
            await self._refuse(id_, ready)
            return
        context = Context(self._services, self._subject, self._exchange.headers, self._exchange.address, self._listen)
        if ready.operation is not OperationType.SUBSCRIPTION:
            self._begin(id_, self._once(id_, self._execution.execute(ready, context)))
            return
        opened = await self._execution.subscribe(ready, context)
        if isinstance(opened, Mapping):
            await self._refuse(id_, opened)
        else:
            self._begin(id_, self._on_and_on(id_, opened))

    async def _refusal(self) -> Refusal | None:
        """Return why it can not be asked for now."""
        if len(self._operations) >= MOST_AT_A_TIME or not self._house.has_room():
            return Refusal(TOO_MANY_SUBSCRIPTIONS, "no room for another subscription")
        try:
            if self._subject is not None:
                await self._services.admit.count(self._subject, self._exchange.address)
        except TooMany as many:
            text, more = explained(many)
            return Refusal(more.pop("code"), text, **more)
        return None

    def _listen(self, sku: str) -> Listener[Body]:
        def ended(why: Ended) -> None:
            self.end(Close(1008 if isinstance(why, TooSlow) else 1011, str(why)))

        return self._house.events.listen(sku, ended)

    def _begin(self, id_: str, telling: Coroutine[Any, Any, None]) -> None:
        def done(task: asyncio.Task[None]) -> None:
            if self._operations.get(id_) is task:
                del self._operations[id_]

        self._operations[id_] = task = asyncio.create_task(telling)
        task.add_done_callback(done)

    async def _once(self, id_: str, answering: Awaitable[Answer]) -> None:
        with suppress(OSError):
            await self._say(type="next", id=id_, payload=await answering)
            await self._complete(id_)

    async def _on_and_on(self, id_: str, results: AsyncIterator[ExecutionResult]) -> None:
        try:
            async for result in results:
                await self._say(type="next", id=id_, payload=answer(result.data, result.errors))
            await self._complete(id_)
        except (OSError, Ended):  # the connection is gone, or about to be closed for it
            pass
        finally:
            await results.aclose()  # type: ignore[attr-defined] # graphql-core's have it

    # --- What it is told

    async def _complete(self, id_: str) -> None:
        self._operations.pop(id_, None)  # the client may use the id again as soon as it hears of it
        await self._say(type="complete", id=id_)

    async def _refuse(self, id_: str, body: Answer) -> None:
        await self._say(type="error", id=id_, payload=body["errors"])

    async def _say(self, **message: object) -> None:
        await self._send({"type": "websocket.send", "text": msgspec.json.encode(message).decode()})


def _token(payload: object) -> str | None:
    """Return the token of `connection_init`: in `authorization`, as the header of that name has it."""
    if not isinstance(payload, Mapping):
        return None
    given = {str(name).lower(): value for name, value in payload.items()}
    token = given.get("authorization", given.get("token"))
    if not isinstance(token, str):
        return None
    scheme, _, rest = token.strip().partition(" ")
    return rest.strip() if scheme.lower() == "bearer" and rest else token
