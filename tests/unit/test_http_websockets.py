"""WebSockets of the HTTP server: they outlive a request's time, and end when they are to."""

import asyncio
import socket

import pytest
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from python_app_template.adapters.primary.http import serving
from python_app_template.adapters.primary.http_connections import Limits
from python_app_template.adapters.primary.http_websockets import CUT, LARGEST_MESSAGE


async def echo(_: Scope, receive: Receive, send: Send) -> None:
    """Send back what comes in."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def test_a_websocket_is_open_for_longer_than_a_request_may_take() -> None:
    limits = Limits(connections=1, request_seconds=0.1)
    async with (
        asyncio.timeout(20),
        serving(echo, "127.0.0.1", 0, limits) as address,
        connect(f"ws://127.0.0.1:{address.port}") as first,
        connect(f"ws://127.0.0.1:{address.port}"),  # more than connections for requests
    ):
        await asyncio.sleep(0.3)
        await first.send("still there")
        assert await first.recv() == "still there"


async def test_a_message_that_is_too_large_ends_the_connection() -> None:
    async with (
        asyncio.timeout(20),
        serving(echo, "127.0.0.1", 0) as address,
        connect(f"ws://127.0.0.1:{address.port}") as websocket,
    ):
        await websocket.send("x" * (LARGEST_MESSAGE + 1))
        with pytest.raises(ConnectionClosed, match="1009"):
            await websocket.recv()


async def test_a_reader_that_stopped_reading_can_be_cut_off() -> None:
    ended = asyncio.Event()

    async def flood(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        asyncio.get_running_loop().call_later(0.3, scope["state"][CUT])
        try:
            while True:
                await send({"type": "websocket.send", "text": "x" * 2**16})
        finally:
            ended.set()

    async with asyncio.timeout(20), serving(flood, "127.0.0.1", 0) as address:
        with socket.create_connection((address.host, address.port)) as client:
            head = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            client.sendall(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n\r\n".encode())
            await ended.wait()
