"""Between the service and PostgreSQL: passes all on, and notes what the service asks for, message by message."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Final, NamedTuple

from sqlalchemy import make_url

SSL_REQUEST: Final = 80_877_103
"""Asks whether the server speaks TLS (PostgreSQL's protocol, 54.7); it has no letter, nor has the start-up message."""

HOST: Final = "127.0.0.1"


class Asked(NamedTuple):
    """A message of the client's. `kind` is its letter in the protocol; its size counts the letter and the length."""

    kind: str
    sql: str
    """Of a simple query (`Q`) or of the statement that is executed (`E`); else empty."""
    size: int
    place: int
    """Its number among all messages of all sessions."""
    values: bytes = b""
    """What a statement is bound to (`B`), as it was sent."""


class Session:
    """What one connection asked for, in its order, since it was open for queries."""

    def __init__(self, places: Iterator[int]) -> None:
        self._places = places
        self.application = ""
        self.asked: list[Asked] = []
        self._rest = b""
        self._started = False
        self._statements: dict[bytes, str] = {}
        self._portals: dict[bytes, str] = {}

    def hear(self, piece: bytes) -> None:
        """Take the next piece of what the client sends, wherever it is cut."""
        self._rest += piece
        while (size := self._size()) is not None and len(self._rest) >= size:
            message, self._rest = self._rest[:size], self._rest[size:]
            if self._started:
                self._note(chr(message[0]), message[5:], size)
            else:
                self._begin(message)

    def _size(self) -> int | None:
        """Return how long the message is that begins here, its letter included; None: not known yet."""
        letters = 1 if self._started else 0
        if len(self._rest) < letters + 4:
            return None
        return letters + int.from_bytes(self._rest[letters : letters + 4])

    def _begin(self, message: bytes) -> None:
        if int.from_bytes(message[4:8]) == SSL_REQUEST:
            return
        words = [word.decode() for word in message[8:].split(b"\0")]
        self.application = dict(zip(words[::2], words[1::2], strict=False)).get("application_name", "")
        self._started = True

    def _note(self, kind: str, body: bytes, size: int) -> None:
        first, _, rest = body.partition(b"\0")
        sql = ""
        match kind:
            case "Q":
                sql = first.decode()
            case "P":
                self._statements[first] = rest.partition(b"\0")[0].decode()
            case "B":
                self._portals[first] = self._statements.get(rest.partition(b"\0")[0], "")
            case "E":
                sql = self._portals.get(first, "")
        self.asked.append(Asked(kind, sql, size, next(self._places), rest if kind == "B" else b""))


class Tap:
    """Listens on a port of its own, on a thread of its own."""

    def __init__(self, url: str) -> None:
        self._server = make_url(url)
        self.sessions: list[Session] = []
        self._places = count()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tap")
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    def open(self) -> None:
        """Listen; `url` leads here from now on."""
        self._thread.start()
        listener = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._accept, HOST, 0), self._loop).result(10)
        here = self._server.set(host=HOST, port=listener.sockets[0].getsockname()[1])
        self.url = here.render_as_string(hide_password=False)

    def close(self) -> None:
        """Pass nothing on any more."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self._places)
        self.sessions.append(session)
        answers, requests = await asyncio.open_connection(self._server.host, self._server.port)
        for way in (self._pass(reader, requests, session), self._pass(answers, writer, None)):
            task = self._loop.create_task(way)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Session | None) -> None:
        with suppress(OSError):
            while piece := await reader.read(2**16):
                if heard is not None:
                    heard.hear(piece)
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def _end(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def tapped(url: str) -> Iterator[Tap]:
    """Listen in front of this database's server."""
    tap = Tap(url)
    tap.open()
    try:
        yield tap
    finally:
        tap.close()
