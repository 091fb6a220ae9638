"""HTTP clients that are slow, silent, greedy or senseless hold up neither the worker nor who asks for its health."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client import CollectorRegistry

from python_app_template.adapters.primary.http import application, serving
from python_app_template.adapters.primary.http_connections import Limits
from python_app_template.settings import Settings
from tests.clients import World, batch, order
from tests.forking.services import ForkedService, ForkServer
from tests.processes import ServiceProcess, running, wait_until

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def server(limits: Limits) -> AsyncIterator[int]:
    async with serving(application(CollectorRegistry(), list, list), "127.0.0.1", 0, limits) as address:
        yield address.port


@asynccontextmanager
async def connection(port: int, sent: bytes = b"") -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        yield reader, writer
    finally:
        writer.close()


async def is_well(port: int) -> bool:
    async with httpx.AsyncClient() as http:
        return (await http.get(f"http://127.0.0.1:{port}/health/live")).is_success


async def ended(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the server ends the connection."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


WHOLE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "sent", [b"", b"GET /health/live HTTP/1.1\r\nX: ", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"]
)
async def test_a_request_that_does_not_come_in_whole_is_not_waited_for(sent: bytes) -> None:
    async with asyncio.timeout(20), server(Limits(request_seconds=0.2)) as port, connection(port, sent) as (reader, _):
        await ended(reader)
        assert await is_well(port)


async def test_bytes_that_trickle_in_do_not_buy_time() -> None:
    limits = Limits(request_seconds=0.3)
    async with asyncio.timeout(20), server(limits) as port, connection(port, WHOLE) as (reader, writer):
        assert b"200 OK" in await reader.readline()
        trickle = asyncio.create_task(_trickle(writer))
        await ended(reader)
        trickle.cancel()


async def _trickle(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"G")
        await asyncio.sleep(0.05)


async def test_a_connection_may_be_used_again_within_its_time() -> None:
    async with asyncio.timeout(20), server(Limits(request_seconds=1)) as port, connection(port) as (reader, writer):
        for _ in range(3):
            writer.write(WHOLE)
            assert b"200 OK" in await reader.readuntil(b"{}}")


async def test_whoever_comes_beyond_the_limit_is_served_and_the_oldest_idle_one_cut_off() -> None:
    async with asyncio.timeout(20), server(Limits(connections=10)) as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
        assert await is_well(port)
        gone = [await ended(reader) for reader, _ in silent[:40]]
        assert gone == [b""] * 40
        for _, writer in silent:
            writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"x" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"\x00" * 1000 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\nHost: x\r\n\r\nzzz\r\n",
        random.Random(7).randbytes(5000) + b"\r\n\r\n",
    ],
    ids=["path", "header", "headers", "TLS", "NUL", "version", "length", "chunks", "noise"],
)
async def test_garbage_and_huge_headers_are_refused(sent: bytes) -> None:
    async with asyncio.timeout(20), server(Limits(request_seconds=0.5)) as port, connection(port, sent) as (reader, _):
        assert b" 200 " not in await ended(reader)
        assert await is_well(port)


# The real process


@pytest.fixture
def service(settings: Settings, tmp_path: Path, forks: ForkServer) -> Iterator[ServiceProcess]:
    with running(ForkedService(forks, settings, tmp_path, APP_HTTP__MAX_CONNECTIONS="50")) as process:
        yield process


@pytest.mark.servers
async def test_hundreds_of_slow_clients_hold_up_neither_orders_nor_health(
    service: ServiceProcess, settings: Settings
) -> None:
    world = World(settings)
    world.send(batch("b", qty=1000))
    slow = [await asyncio.open_connection("127.0.0.1", service.port) for _ in range(400)]
    for number, (_, writer) in enumerate(slow):
        writer.write([b"GET /met", b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 30_000, b"\xff" * 100, b""][number % 4])
    world.send(*[order(f"o{n}") for n in range(200)])
    assert len(world.events(201, 20)) == 201
    assert service.is_ready()
    wait_until(lambda: len(psutil.Process(service.pid).net_connections()) < 150, 20, service.explain)
    for _, writer in slow:
        writer.close()
    assert service.terminate() == 0, service.explain()
