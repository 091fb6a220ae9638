"""Stands between clients and a server: passes bytes on, until it is told to hold, to cut, or to lose an answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import make_url

HOST = "127.0.0.1"


class Direction:
    """One way through a proxy."""

    def __init__(self) -> None:
        self.delay = 0.0
        """Seconds before each piece is passed on."""
        self._passing = asyncio.Event()
        self._passing.set()

    def hold(self) -> None:
        """Pass nothing on; connections stay open."""
        self._passing.clear()

    def release(self) -> None:
        """Pass on what was held, at once, and all that comes."""
        self.delay = 0.0
        self._passing.set()

    async def through(self, reader: asyncio.StreamReader) -> bytes:
        """Return the next piece once it may go on; nothing when the connection is at its end."""
        try:
            chunk = await reader.read(2**16)
        except OSError:
            chunk = b""
        if self.delay:
            await asyncio.sleep(self.delay)
        await self._passing.wait()
        return chunk


class Proxy:
    """In front of one server; all that goes through it shares its fate."""

    def __init__(self, host: str, port: int) -> None:
        self.requests, self.answers = Direction(), Direction()
        self._server_address = host, port
        self._listener: asyncio.Server | None = None
        self._connections: list[Connection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._lose_answer_to: bytes | None = None
        self.port = 0
        self.lost_answers = 0

    def leads_to(self, host: str, port: int) -> None:
        """Pass new connections on to this server."""
        self._server_address = host, port

    async def listen(self) -> None:
        """Take connections, on the same port as before if there was one."""
        self._listener = await asyncio.start_server(self._accept, HOST, self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Take no more connections; those that are open stay."""
        if self._listener is not None:
            self._listener.close()

    def freeze(self) -> None:
        """Pass nothing on, either way; connections stay open."""
        self.requests.hold()
        self.answers.hold()

    def thaw(self) -> None:
        """Pass everything on, both ways."""
        self.requests.release()
        self.answers.release()

    def cut(self, only: int | None = None) -> int:
        """Break every connection, or one chosen by this number; return how many. New ones are taken."""
        chosen = self._connections if only is None else self._connections[only % max(len(self._connections), 1) :][:1]
        for connection in (cut := list(chosen)):
            connection.break_off()
        return len(cut)

    def lose_answer_to(self, request: bytes | None) -> None:
        """Pass the next request with these bytes on; when the server has answered, cut instead."""
        self._lose_answer_to = request

    async def close(self) -> None:
        """Close everything."""
        self.refuse()
        self.thaw()
        self.cut()
        await asyncio.gather(*self._tasks)

    def awaits_loss(self, request: bytes) -> bool:
        """Whether this is the request whose answer is to be lost; it is then no longer waited for."""
        if not self._lose_answer_to or self._lose_answer_to not in request:
            return False
        self._lose_answer_to = None
        return True

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, writer)
        self._connections.append(connection)
        try:
            await connection.serve(reader, *self._server_address)
        except OSError:
            pass  # the server takes no connection: the client finds its own closed
        finally:
            self._connections.remove(connection)
            await connection.close()


class Connection:
    """What a client and the server say to each other."""

    def __init__(self, proxy: Proxy, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._writers = [writer]
        self._losing = False

    async def serve(self, reader: asyncio.StreamReader, host: str, port: int) -> None:
        """Pass on what both say, until one of them has no more to say."""
        server_reader, server_writer = await asyncio.open_connection(host, port)
        self._writers.append(server_writer)
        await asyncio.gather(self._ask(reader, server_writer), self._answer(server_reader, self._writers[0]))

    def break_off(self) -> None:
        """Drop what is on its way, too."""
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        """Close both ends."""
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await self._proxy.requests.through(reader):
            self._losing = self._losing or self._proxy.awaits_loss(chunk)
            writer.write(chunk)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await self._proxy.answers.through(reader):
            if self._losing:
                self._proxy.lost_answers += 1
                break
            writer.write(chunk)
        writer.close()


class UrlProxy(Proxy):
    """In front of the server of a URL."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        super().__init__(self._url.host or HOST, self._url.port or 5432)

    @property
    def url(self) -> str:
        """Where clients go instead."""
        return self._url.set(host=HOST, port=self.port).render_as_string(hide_password=False)


@asynccontextmanager
async def proxy_to(url: str) -> AsyncIterator[UrlProxy]:
    """A proxy in front of the server of this URL."""
    proxy = UrlProxy(url)
    await proxy.listen()
    try:
        yield proxy
    finally:
        await asyncio.sleep(0.02)  # a connection that is only just being accepted would stay open
        await proxy.close()
