"""What a handler answers."""

from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

NO_BODY = 304


class Answer:
    """Bytes with their headers, sent as they are: the framework's own response takes a tenth of a write's time."""

    __slots__ = ("_body", "_headers", "_status")

    def __init__(
        self,
        body: bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str = "application/json",
    ) -> None:
        self._body, self._status = body, status
        self._headers = [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
        if status != NO_BODY:
            self._headers += (b"content-type", media_type.encode()), (b"content-length", b"%d" % len(body))

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it; an ASGI application."""
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})
