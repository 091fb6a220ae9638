"""Against a real server on this machine, which is good, silent, slow, greedy, or leads elsewhere."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trustme

from python_app_template.adapters.secondary.tokens.fetching import LARGEST, fetch
from python_app_template.adapters.secondary.tokens.published_keys import NotFetched

ANSWER = b'HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\n{"keys":[]}'


@asynccontextmanager
async def server(*pieces: bytes, pause: float = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Answers with these pieces, a pause after each; yields its URL."""
    answering: set[asyncio.Task[None] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        try:
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://{'localhost' if tls else '127.0.0.1'}:{port}/jwks.json"
    finally:
        listening.close()
        for task in filter(None, answering):
            task.cancel()


async def fault(*pieces: bytes, pause: float = 0, seconds: float = 5) -> tuple[str, str]:
    async with server(*pieces, pause=pause) as url:
        with pytest.raises(NotFetched) as caught:
            await fetch(url, seconds)
        return caught.value.code, str(caught.value)


async def test_a_document_is_fetched() -> None:
    async with server(ANSWER) as url:
        assert await fetch(url) == b'{"keys":[]}'


async def test_who_is_not_there_is_said_to_be_away() -> None:
    async with server(ANSWER) as url:
        pass
    with pytest.raises(NotFetched) as caught:
        await fetch(url)
    assert caught.value.code == "ConnectError"


async def test_who_is_silent_or_slow_gets_the_time_and_no_more() -> None:
    started = time.monotonic()
    assert await fault(b"", pause=30, seconds=0.3) == ("no_answer", "no answer within 0.3 s")
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"
    assert (await fault(head, *[b"x"] * 1000, pause=0.02, seconds=0.3))[0] == "no_answer"
    assert time.monotonic() - started < 15


async def test_a_redirect_is_not_followed() -> None:
    async with server(ANSWER) as elsewhere:
        for status in (b"301 x", b"302 x", b"307 x", b"308 x"):
            head = b"HTTP/1.1 " + status + b"\r\nlocation: " + elsewhere.encode() + b"\r\ncontent-length: 0\r\n\r\n"
            assert (await fault(head))[0] == "redirect"


async def test_too_much_is_not_read_to_its_end() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    assert (await fault(head, *[b"x" * 65536] * 1000))[0] == "too_large"
    announced = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n"
    assert (await fault(announced, b"x" * (LARGEST + 1), pause=1))[0] == "too_large"


async def test_what_was_not_asked_for_is_refused() -> None:
    assert (await fault(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx"))[0] == "compressed"


@pytest.mark.parametrize("status", ["404", "500", "503", "204", "401"])
async def test_another_answer_than_200_is_none(status: str) -> None:
    assert (await fault(f"HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n".encode()))[0] == f"http_{status}"


@pytest.mark.parametrize("answer", [b"", b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"])
async def test_what_is_no_http_is_refused(answer: bytes) -> None:
    assert (await fault(answer))[0] == "RemoteProtocolError"


async def test_a_server_that_nobody_vouches_for_is_refused() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    async with server(ANSWER, tls=context) as url:
        with pytest.raises(NotFetched, match="CERTIFICATE_VERIFY_FAILED"):
            await fetch(url)


async def test_a_proxy_of_the_environment_is_not_asked_for_what_is_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with server(b"HTTP/1.1 500 a proxy\r\ncontent-length: 0\r\n\r\n") as proxy, server(ANSWER) as url:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("http_proxy", proxy)
        assert await fetch(url) == b'{"keys":[]}'
