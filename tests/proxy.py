"""Stands between a client and a server: passes bytes on, until it is told to freeze, to cut, or to lose an answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import make_url


class Proxy:
    """Where `url` leads; all that goes through it shares its fate."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._passing = asyncio.Event()
        self._passing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lose_answer_to: bytes | None = None
        self._losing = False
        self.port = 0

    @property
    def url(self) -> str:
        return self._url.set(host="127.0.0.1", port=self.port).render_as_string(hide_password=False)

    def freeze(self) -> None:
        """Pass nothing on, either way; connections stay open."""
        self._passing.clear()

    def thaw(self) -> None:
        self._passing.set()

    def cut(self) -> None:
        """Close every connection; new ones are taken."""
        for writer in self._writers:
            writer.close()

    def lose_answer_to(self, request: bytes) -> None:
        """Pass the next request with these bytes on; when the server has answered, cut instead."""
        self._lose_answer_to = request

    async def close(self) -> None:
        """Close everything."""
        self.thaw()
        self.cut()
        await asyncio.gather(*self._tasks)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = {writer}
        try:
            server_reader, server_writer = await asyncio.open_connection(self._url.host, self._url.port)
            writers.add(server_writer)
            self._writers.add(server_writer)
            await asyncio.gather(self._ask(reader, server_writer), self._answer(server_reader, writer))
        finally:
            for one in writers:
                one.close()
                with suppress(OSError):
                    await one.wait_closed()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await self._read(reader):
            if self._lose_answer_to and self._lose_answer_to in chunk:
                self._lose_answer_to, self._losing = None, True
            writer.write(chunk)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await self._read(reader):
            if self._losing:
                self._losing = False
                break
            writer.write(chunk)
        writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        try:
            chunk = await reader.read(2**16)
        except OSError:
            chunk = b""
        await self._passing.wait()
        return chunk


@asynccontextmanager
async def proxy_to(url: str) -> AsyncIterator[Proxy]:
    """A proxy in front of the server of this URL."""
    proxy = Proxy(url)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        await asyncio.sleep(0.02)  # a connection that is only just being accepted would stay open
        server.close()
        await proxy.close()
