"""Connections of the HTTP server, bounded in number and patience: uvicorn itself waits for ever for a request."""

import asyncio
from typing import Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_BYTES = 64 * 1024
"""Of a request line and headers, about; the parser itself would keep whatever comes."""

HELD_BYTES = 16 * 1024
"""More than that is not held back."""

REFUSAL = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%s"
)
REFUSED = (
    b'{"type":"about:blank","title":"Bad Request","status":400,"code":"bad_request",'
    b'"detail":"this is no HTTP request","errors":[]}'
)


class Limits(NamedTuple):
    """What clients are granted."""

    connections: int = 500
    """Open at a time; beyond it, whoever has been open longest without a request under way is cut off."""
    request_seconds: float = 10.0
    """For a request to come in whole, and between two of them; likewise for an answer that is not being read."""


class Gathering:
    """A transport that sends at once what is written in one turn of the loop: an answer's head goes with its body.

    The server writes them one by one; each would cost a system call, a packet, and the client a look at half an answer.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.inner, self._loop = transport, loop
        self._held: list[bytes] = []
        self._bytes = 0

    def __getattr__(self, name: str) -> Any:
        """Be the transport in all else."""
        return getattr(self.inner, name)

    def write(self, data: bytes) -> None:
        """Hold it until the turn ends; what is large goes out before, so that its reader's pace is felt."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)
        self._bytes += len(data)
        if self._bytes > HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what is held."""
        if self._held:
            held, self._held, self._bytes = self._held, [], 0
            if not self.inner.is_closing():
                self.inner.write(b"".join(held))

    def close(self) -> None:
        """Send what is held, then close."""
        self.flush()
        self.inner.close()

    def abort(self) -> None:
        """Send what is held as far as it is taken: an answer that was written a moment ago is not lost."""
        self.flush()
        self.inner.abort()


def bounded(limits: Limits) -> type[HttpToolsProtocol]:
    """Return the protocol for one server."""
    there: dict[Connection, None] = {}  # by age

    class Bounded(Connection):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
            super().connection_made(Gathering(transport, self.loop))  # type: ignore[arg-type] # all that is used of one
            self.patience = limits.request_seconds
            self.wait()
            there[self] = None
            if len(there) > limits.connections:
                next((other for other in there if other.idle), self).cut()

        def connection_lost(self, exc: Exception | None) -> None:
            there.pop(self, None)
            super().connection_lost(exc)

        def handle_websocket_upgrade(self) -> None:
            there.pop(self, None)
            super().handle_websocket_upgrade()

    return Bounded


class Connection(HttpToolsProtocol):
    """One of them. It is idle while no request has come in whole."""

    patience: float
    _timer: asyncio.TimerHandle | None = None
    _until = 0.0
    _in_head = True
    _head_bytes = 0

    @property
    def idle(self) -> bool:
        """Whether it is the client's turn."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request, whatever its type says
        return cycle is None or cycle.response_complete or cycle.more_body

    def wait(self) -> None:
        """Look again when the client's time is over. A timer that is under way goes on: each request would cost one."""
        self._until = self.loop.time() + self.patience
        if self._timer is None:
            self._timer = self.loop.call_at(self._until, self._look)

    def cut(self) -> None:
        """End it at once; what was not sent is thrown away."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take it, and cut off who never comes to an end with the headers."""
        was_in_head = self._in_head
        super().data_received(data)
        if was_in_head and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.cut()

    def on_message_begin(self) -> None:
        """Count from here."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Count no more: the body's bound is the application's."""
        self._in_head = False
        super().on_headers_complete()

    def send_400_response(self, _msg: str) -> None:
        """Say so as the rest of the service does."""
        self.transport.write(REFUSAL % (len(REFUSED), REFUSED))
        self.transport.close()

    def on_response_complete(self) -> None:
        """Give the client its time for the next request."""
        self.wait()
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        """Let go of it: from here on it is another protocol's."""
        self._stop_waiting()
        if isinstance(self.transport, Gathering):
            self.transport.flush()
            self.transport = self.transport.inner
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _look(self) -> None:
        self._timer = None
        if self.loop.time() < self._until:
            self._timer = self.loop.call_at(self._until, self._look)
        elif self.idle or self.flow.write_paused:
            self.cut()
        else:
            self.wait()  # the answer takes its time

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
