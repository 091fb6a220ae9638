"""What belongs to every request: its id, its trace, the raw path, headers of the answer, a line in the access log."""

import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from python_app_template.adapters.primary.web.problems import MEDIA_TYPE, document
from python_app_template.core.delivery.messages import Headers

EXCHANGE: Final = "exchange"
"""The key of the scope under which the rest of the application finds it."""

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._:+/=-]{1,128}")
_TRACEPARENT: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_VERSION_0: Final = 55
"""Bytes of a `traceparent` of version 00; only later ones may be longer (W3C Trace Context, 3.2.4)."""

SECURITY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
NO_PAGE: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
NOT_STORED: Final = (b"cache-control", b"no-store")
TLS_ONLY: Final = (b"strict-transport-security", b"max-age=31536000")

DRAWN: Final = Random(secrets.randbits(128))  # noqa: S311 - names, no secrets: each draw from the kernel is a call to it

access_log = structlog.get_logger("access")


@dataclass(slots=True)
class Exchange:
    """One request and its answer."""

    request_id: str
    traceparent: str
    authorization: str | None
    address: str
    status: int = 0

    @property
    def headers(self) -> Headers:
        """What a message carries that is sent because of it."""
        return (("traceparent", self.traceparent.encode()), ("x-request-id", self.request_id.encode()))


class Edge:
    """The outermost application: whatever is inside, this is said of it and added to it.

    - Inside, `path` is the raw path, undecoded: an encoded slash is no slash.
    - Empty segments name nothing, so that no framework can tidy them away.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log = access_log.bind()  # once: the lazy one is made anew for each line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        exchange = _exchange(scope)
        scope = {**scope, "path": raw_path(scope), EXCHANGE: exchange}
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        method = scope["method"]
        if method == "HEAD":  # the server leaves the body out
            scope["method"] = "GET"
        fixed = _fixed(scope, exchange)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message = {**message, "headers": completed(message.get("headers", ()), fixed)}
            await send(message)

        try:
            if "//" in scope["path"] or (scope["path"].endswith("/") and scope["path"] != "/"):
                await _nowhere(answer)
            else:
                await self._app(scope, receive, answer)
        finally:
            self._log.info(
                "http.request",
                method=method,
                path=scope["path"],
                status=exchange.status,
                ms=round((time.perf_counter() - began) * 1000, 1),
                request_id=exchange.request_id,
                trace_id=exchange.traceparent[3:35],
                client=exchange.address,
            )


def raw_path(scope: Scope) -> str:
    """Return the path as it came, percent signs and all."""
    raw: bytes | None = scope.get("raw_path")
    return scope["path"] if raw is None else raw.partition(b"?")[0].decode("latin-1")


def completed(given: Sequence[tuple[bytes, bytes]], fixed: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer with those that all have; what it says itself stands."""
    headers = list(given)
    names = {name for name, _ in headers}
    headers += [header for header in fixed if header[0] not in names]
    return headers


def _fixed(scope: Scope, exchange: Exchange) -> list[tuple[bytes, bytes]]:
    fixed = [(b"x-request-id", exchange.request_id.encode()), *SECURITY, NO_PAGE, NOT_STORED]
    return [*fixed, TLS_ONLY] if scope.get("scheme") == "https" else fixed


def _exchange(scope: Scope) -> Exchange:
    request_id = traceparent = authorization = None
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            request_id = value.decode()
        elif name == b"traceparent":
            traceparent = _valid_trace(value)
        elif name == b"authorization":
            # Two of them are two answers to who asks: neither is taken.
            authorization = value.decode("latin-1") if authorization is None else ""
    client = scope.get("client")
    drawn = "" if request_id and traceparent else f"{DRAWN.getrandbits(320):080x}"
    return Exchange(
        request_id or drawn[:32],
        traceparent or f"00-{drawn[32:64]}-{drawn[64:]}-00",
        authorization,
        client[0] if client else "",
    )


def _valid_trace(value: bytes) -> str | None:
    match = _TRACEPARENT.fullmatch(value)
    if match is None or (value.startswith(b"00") and len(value) != _VERSION_0):
        return None
    return value.decode("latin-1")


async def _nowhere(send: Send) -> None:
    body = document(404, "not_found", "there is nothing under an empty name")
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": body})
