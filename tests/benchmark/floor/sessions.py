"""The recorded calls, made again: a pool of connections of which each part takes one for a transaction or a call."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from tests.benchmark.floor.recording import Call


class Session:
    """A connection with the statements that were prepared on it: as SQLAlchemy keeps them, one for each text."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._prepared: dict[str, Any] = {}
        self._cursor: Any = None

    @property
    def is_free(self) -> bool:
        """Whether no transaction is open."""
        return not self._connection.is_in_transaction()

    async def make(self, call: Call) -> str:
        """Make a call; return what the server said that it did, as far as the driver tells."""
        if call.statement is None:
            answer = await getattr(self._connection, call.method)(*call.args, **call.keywords)
            return answer if isinstance(answer, str) else ""
        if call.method == "cursor.fetch":
            await self._cursor.fetch(*call.args, **call.keywords)
            return ""
        statement = self._prepared.get(call.statement)
        if statement is None:
            statement = self._prepared[call.statement] = await self._connection.prepare(call.statement)
        if call.method == "cursor":
            self._cursor = await statement.cursor(*call.args)
            return ""
        await getattr(statement, call.method)(*call.args, **call.keywords)
        return str(statement.get_statusmsg() or "")

    async def value(self, query: str) -> Any:
        """Ask for one value, likewise."""
        statement = self._prepared.get(query)
        if statement is None:
            statement = self._prepared[query] = await self._connection.prepare(query)
        return (await statement.fetch())[0][0]


class Pool:
    """So many connections; whoever waits longest gets one, the one that rested longest: as SQLAlchemy's does."""

    def __init__(self) -> None:
        self._free: asyncio.Queue[Session] = asyncio.Queue()
        self.otherwise: list[str] = []
        """What a statement did otherwise than in the recorded run."""

    async def take(self) -> Session:
        return await self._free.get()

    def give_back(self, session: Session) -> None:
        self._free.put_nowait(session)


class Part:
    """One of those that ask, one call after the other."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._held: Session | None = None

    async def make(self, call: Call) -> None:
        """Make a recorded call; note it if it does otherwise than it did."""
        session = self._held or await self._pool.take()
        tag = await session.make(call)
        if tag != call.tag:
            self._pool.otherwise.append(f"{tag}, where it was {call.tag}: {call.statement or call.args[0]}")
        self._held = None if session.is_free else session
        if self._held is None:
            self._pool.give_back(session)

    async def value(self, query: str) -> Any:
        """Ask for one value, outside of any transaction."""
        session = await self._pool.take()
        try:
            return await session.value(query)
        finally:
            self._pool.give_back(session)


@asynccontextmanager
async def opened(url: str, count: int, session: Mapping[str, Any]) -> AsyncIterator[Pool]:
    """Open a pool; close it in the end, and with it what is open."""
    pool = Pool()
    connections = [await asyncpg.connect(url.replace("+asyncpg", ""), **session) for _ in range(count)]
    for connection in connections:
        pool.give_back(Session(connection))
    try:
        yield pool
    finally:
        for connection in connections:
            connection.terminate()
