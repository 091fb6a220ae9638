"""WebSockets of the HTTP server: uvicorn's, which can be cut off as well. Whoever serves them bounds their number."""

import logging
from asyncio import BaseTransport, Transport
from collections.abc import Callable
from typing import Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LARGEST_MESSAGE: Final = 2**20
"""Bytes that a client may send at a time; beyond it the connection is closed (1009). Each service may take less."""

CUT: Final = "cut"
"""In the scope's `state`: ends the connection at once. Closing waits until all that was written has been read."""

LOGGER: Final = logging.getLogger("uvicorn.websockets")
LOGGER.setLevel(logging.WARNING)  # below that it repeats the query of the address, where clients put secrets


class WebSocketConnection(WebSocketsSansIOProtocol):
    """One of them."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Let the application cut it off."""
        cut: Callable[[], None] = cast("Transport", transport).abort
        self.app_state = {**self.app_state, CUT: cut}
        self.logger = LOGGER
        super().connection_made(transport)

    def keepalive_timeout(self) -> None:
        """End what answers no ping: it may have stopped reading, and nothing that is written would ever leave."""
        super().keepalive_timeout()
        self.transport.abort()
