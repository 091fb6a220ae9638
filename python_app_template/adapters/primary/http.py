"""Metrics and health over HTTP, served inside the running event loop."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import NamedTuple, TypeAlias

import structlog
import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from python_app_template.adapters.primary.http_connections import Limits, bounded
from python_app_template.adapters.primary.http_websockets import LARGEST_MESSAGE, WebSocketConnection
from python_app_template.adapters.seldom import Seldom

Verdict: TypeAlias = Callable[[], Sequence[tuple[str, bool, str]]]
"""Name, whether it is well, and a readable detail of each check."""

NOT_CACHED = {"cache-control": "no-store"}
TRY_AGAIN_LATER = 1013
"""How a WebSocket is closed for it (IANA, WebSocket Close Code Number Registry)."""
CLOSING_SECONDS = 2
"""For answers that are under way when the service stops."""

logging.getLogger("uvicorn.error").addFilter(Seldom(60))  # each request that is none would be told

log = structlog.get_logger(__name__)


OWN = frozenset({"/metrics", "/health/live", "/health/ready"})


class Front:
    """What the port answers: health and metrics from the start, everything else once a role has mounted it.

    Where health and metrics have a port of their own, this one has them no more. A role that is `awaited` has not begun
    to answer: to say 404 meanwhile would deny what is there.
    """

    def __init__(self, own: ASGIApp, *, apart: bool = False, awaited: bool = False) -> None:
        self._own = own
        self._beyond: ASGIApp = _not_yet if awaited else _answering([]) if apart else own
        self._apart = apart

    def mount(self, app: ASGIApp) -> None:
        """Let the application answer for all other paths."""
        self._beyond = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        owns = scope.get("path") in OWN and not self._apart
        await (self._own if owns else self._beyond)(scope, receive, send)


class CannotListen(Exception):
    """The address is taken, or not this machine's. The text is one line, fit for the screen."""


class Address(NamedTuple):
    """Where the server listens; the port is the one that was taken, if 0 was asked for."""

    host: str
    port: int


def application(registry: CollectorRegistry, live: Verdict, ready: Verdict) -> Starlette:
    """Make the ASGI application. The verdicts are asked for anew at every request, and must be quick."""

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type} | NOT_CACHED)

    async def health_live(_: Request) -> Response:
        return _answer("live", live())

    async def health_ready(_: Request) -> Response:
        return _answer("ready", ready())

    return _answering(
        [Route("/metrics", metrics), Route("/health/live", health_live), Route("/health/ready", health_ready)]
    )


def _answering(routes: Sequence[Route]) -> Starlette:
    return Starlette(routes=routes, exception_handlers={HTTPException: _refuse, Exception: _fail})


def _answer(name: str, checks: Sequence[tuple[str, bool, str]]) -> Response:
    failing = [check for check, ok, _ in checks if not ok]
    content = {
        "status": f"not {name}" if failing else name,
        "failing": failing,
        "checks": {check: {"ok": ok, "detail": detail} for check, ok, detail in checks},
    }
    return JSONResponse(content, 503 if failing else 200, NOT_CACHED)


async def _refuse(request: Request, fault: Exception) -> Response:
    # Starlette gives this handler the exceptions it is registered for, and calls them Exception.
    if not isinstance(fault, HTTPException):
        raise fault
    code = {404: "not_found", 405: "method_not_allowed"}.get(fault.status_code, "bad_request")
    return _problem(fault.status_code, code, f"{fault.detail}: {request.method} {request.url.path}", fault.headers)


async def _not_yet(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocketClose(TRY_AGAIN_LATER)(scope, receive, send)
    else:
        answer = _problem(503, "unavailable", "the service is starting", {"retry-after": "1"} | NOT_CACHED)
        await answer(scope, receive, send)


async def _fail(_: Request, __: Exception) -> Response:
    return _problem(500, "internal_error", "Internal Server Error")


def _problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem document (RFC 9457), as the API's refusals are."""
    title = HTTPStatus(status).phrase
    content = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail, "errors": []}
    return JSONResponse(content, status, headers, media_type="application/problem+json")


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the application alone decides what a signal means."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, host: str, port: int, limits: Limits = Limits()) -> AsyncIterator[Address]:  # noqa: B008 - immutable
    """Serve until the block is left; answers under way are finished. Port 0 takes a free one. Raises CannotListen."""
    listener = _listen(host, port)
    address = Address(*listener.getsockname()[:2])
    config = uvicorn.Config(
        app,
        http=bounded(limits),
        ws=WebSocketConnection,
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,  # a window of memory for each connection, to save a few bytes
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=ceil(limits.request_seconds),  # never sooner than `bounded` does
        proxy_headers=False,  # it would believe whoever comes from this machine; whom to believe is a setting
        timeout_graceful_shutdown=CLOSING_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve([listener]), name="http")
    log.info("http.listening", host=address.host, port=address.port)
    try:
        # The socket listens already: who connects before uvicorn is up waits in its backlog.
        yield address
    finally:
        server.should_exit = True
        await task
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=128)
    except OSError as fault:
        # The socket module adds the address to an errno's text; names that can't be resolved have numbers below 0.
        why = os.strerror(fault.errno) if fault.errno and fault.errno > 0 else fault.strerror
        raise CannotListen(f"can not listen on {host}:{port}: {why}") from None
    # Connections inherit it. asyncio sets it on sockets alone that were made for TCP by name, which this was not: the
    # second part of an answer would then wait for the first's acknowledgement, 40 ms away (Nagle, RFC 896).
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
