"""`/graphql` as an ASGI application: JSON over POST, and WebSockets for subscriptions. YOURS."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec
import structlog
from graphql import OperationType
from starlette.types import Receive, Scope, Send

from python_app_template.adapters.primary.graphql.context import Context, Services
from python_app_template.adapters.primary.graphql.errors import BAD_INPUT, Refusal, refused
from python_app_template.adapters.primary.graphql.execution import Asked, Body, Execution, Ready, asked
from python_app_template.adapters.primary.graphql.websocket import WebSockets
from python_app_template.adapters.primary.web.exchange import EXCHANGE, Exchange
from python_app_template.adapters.primary.web.problems import MEDIA_TYPE, Problem, problem_of
from python_app_template.adapters.primary.writes import JUDGE
from python_app_template.core.access.rules import ASK_GRAPHQL

JSON: Final = "application/json"
GRAPHQL_JSON: Final = "application/graphql-response+json"
"""As the GraphQL over HTTP specification has it: then what is not executed is 400. With plain JSON it is 200."""

log = structlog.get_logger(__name__)


class Endpoint:
    """Judges its own requests: one that shows no token that is taken gets no further, whatever it asks."""

    def __init__(self, execution: Execution, services: Services, websockets: WebSockets, max_body_bytes: int) -> None:
        self._execution, self._services, self._websockets = execution, services, websockets
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or speak with a WebSocket."""
        if scope["type"] == "websocket":
            await self._websockets(scope, receive, send)
            return
        try:
            await self._answer(scope, receive, send)
        except Exception as error:
            problem = problem_of(error)
            if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                log.exception("http.failed", method=scope["method"], path=scope["path"])
            await _send(send, problem.status, problem.body(), {"content-type": MEDIA_TYPE, **problem.headers})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope[EXCHANGE]
        if scope["method"] != "POST":
            raise Problem(405, "GraphQL is asked by POST", headers={"allow": "POST"})
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if headers.get(b"content-type", "").partition(";")[0].strip().lower() != JSON:
            raise Problem(415, "the body has to be application/json")
        subject, _ = await self._services.admit(ASK_GRAPHQL, exchange.authorization, exchange.address)
        request = _asked(JUDGE.read(await self._read(receive, headers.get(b"content-length", ""))))
        context = Context(self._services, subject, exchange.headers, exchange.address)
        done, answer = await self._executed(request, context)
        media = GRAPHQL_JSON if GRAPHQL_JSON in headers.get(b"accept", "") else JSON
        status = 200 if done or media == JSON else 400
        await _send(send, status, msgspec.json.encode(answer), {"content-type": media, "vary": "Accept"})

    async def _executed(self, request: Asked, context: Context) -> tuple[bool, Body]:
        """Return whether it came to be executed, and the answer."""
        ready = self._execution.prepare(request)
        if not isinstance(ready, Ready):
            return False, ready
        if ready.operation is OperationType.SUBSCRIPTION:
            return False, refused([Refusal(BAD_INPUT, "a subscription needs a WebSocket (graphql-transport-ws)")])
        return True, await self._execution.execute(ready, context)

    async def _read(self, receive: Receive, announced: str) -> bytes:
        body, more, most = b"", True, self._max_body_bytes
        if announced.isdigit() and int(announced) > most:
            raise _too_large(most)
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Problem(400, "the body did not come in whole")
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > most:
                raise _too_large(most)
        return body


def _too_large(most: int) -> Problem:
    return Problem(413, f"the body may have {most} bytes")


def _asked(body: object) -> Asked:
    try:
        return asked(body)
    except ValueError as error:
        raise Problem(400, str(error)) from error


async def _send(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    said = [(name.encode(), value.encode()) for name, value in headers.items()]
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*said, length]})
    await send({"type": "http.response.body", "body": body})
