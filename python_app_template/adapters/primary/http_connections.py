"""Connections of the HTTP server, bounded in number and patience: uvicorn itself waits for ever for a request."""

import asyncio
from typing import NamedTuple

from h11 import Request
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle


class Limits(NamedTuple):
    """What clients are granted."""

    connections: int = 500
    """Open at a time; beyond it, whoever has been open longest without a request under way is cut off."""
    request_seconds: float = 10.0
    """For a request to come in whole, and between two of them; likewise for an answer that is not being read."""


def bounded(limits: Limits) -> type[H11Protocol]:
    """Return the protocol for one server."""
    there: dict[Connection, None] = {}  # by age

    class Bounded(Connection):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
            super().connection_made(transport)
            self.patience = limits.request_seconds
            self.wait()
            there[self] = None
            if len(there) > limits.connections:
                next((other for other in there if other.idle), self).cut()

        def connection_lost(self, exc: Exception | None) -> None:
            there.pop(self, None)
            super().connection_lost(exc)

        def handle_websocket_upgrade(self, event: Request) -> None:
            there.pop(self, None)
            super().handle_websocket_upgrade(event)

    return Bounded


class Connection(H11Protocol):
    """One of them. It is idle while no request has come in whole."""

    patience: float
    _timer: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        """Whether it is the client's turn."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request, whatever its type says
        return cycle is None or cycle.response_complete or cycle.more_body

    def wait(self) -> None:
        """Look again when the client's time is over."""
        self._stop_waiting()
        self._timer = self.loop.call_later(self.patience, self._look)

    def cut(self) -> None:
        """End it at once; what was not sent is thrown away."""
        self.transport.abort()

    def on_response_complete(self) -> None:
        """Give the client its time for the next request."""
        self.wait()
        super().on_response_complete()

    def handle_websocket_upgrade(self, event: Request) -> None:
        """Let go of it: from here on it is another protocol's."""
        self._stop_waiting()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _look(self) -> None:
        if self.idle or self.flow.write_paused:
            self.cut()
        else:
            self.wait()  # the answer takes its time

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
