"""One database as the contracts of the ports see it, in memory and in Postgres, with sensors for a domain."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.postgres.engine import create_engine
from python_app_template.adapters.secondary.postgres.moves import PostgresMoves
from python_app_template.adapters.secondary.postgres.outbox import Format, PostgresOutbox, PostgresOutboxReader
from python_app_template.adapters.secondary.postgres.packing import unpack
from python_app_template.adapters.secondary.postgres.positions import PostgresPositions
from python_app_template.adapters.secondary.postgres.tables import metadata
from python_app_template.adapters.secondary.postgres.unit_of_work import PostgresUnitOfWork
from python_app_template.core.delivery.messages import Fact, Partition
from python_app_template.core.ports.moves import Moves
from python_app_template.core.ports.positions import Positions
from python_app_template.core.ports.publishing import OutboxReader
from python_app_template.core.ports.unit_of_work import UnitOfWork
from python_app_template.settings import load
from tests.builders import GROUP, P, record
from tests.fakes.clock import FakeClock
from tests.fakes.database import Database
from tests.fakes.moves import FakeMoves
from tests.fakes.positions import FakePositions
from tests.fakes.publishing import FakeOutboxReader
from tests.fakes.unit_of_work import FakeUnitOfWork
from tests.second_domain.sensors import AlertCleared, Event, PostgresSensors, Sensor, Sensors, create_tables, encode

SensorsAtWork: TypeAlias = UnitOfWork[Event, frozenset[str], Sensors]

FORM = Format(encode, "alerts", "raw-push.dlq", "test", "1", row_bytes=2**22, largest_dead_letter=2**20)
REACH, PAGE_BYTES = 10, 1000


def fact(sensor: str, offset: int = 0) -> Fact[Event]:
    """An event whose only content is its sensor."""
    return Fact(AlertCleared(sensor), record(offset, P), datetime(2026, 11, 20, tzinfo=UTC))


def nothing() -> None:
    return None


class World(ABC):
    """A database, and a look at what is committed in it."""

    @abstractmethod
    def begin(self) -> SensorsAtWork: ...

    @abstractmethod
    def positions(self, group: str = GROUP) -> Positions: ...

    @abstractmethod
    def outbox(self) -> OutboxReader: ...

    @abstractmethod
    def moves(self) -> Moves: ...

    @abstractmethod
    async def moved(self) -> Sequence[tuple[str, int | None, str]]:
        """What is kept of moves: topic, partition and reason, in their order."""

    @abstractmethod
    async def passed(self) -> Sequence[int]:
        """The numbers of the outbox rows that are kept with moves of the cursor."""

    @abstractmethod
    async def take_out(self, number: int) -> None:
        """Delete a row of the outbox, as nobody should."""

    @abstractmethod
    async def append(self, *sensors: str) -> None:
        """Commit a row of the outbox: an event of each sensor."""

    @abstractmethod
    async def published(self) -> Sequence[str]:
        """The sensors of all events committed, in the order of their commits."""

    @abstractmethod
    async def sensors(self) -> Mapping[str, Sensor]: ...

    @abstractmethod
    async def forget(self, partition: Partition) -> None:
        """Delete a position row."""

    @abstractmethod
    async def until_waiting(self, task: asyncio.Task[object]) -> None:
        """Return once the task waits for a lock."""


class Memory(World):
    def __init__(self) -> None:
        self.database: Database[Event, Sensors] = Database(Sensors())

    def begin(self) -> SensorsAtWork:
        return FakeUnitOfWork[Event, frozenset[str], Sensors](self.database)

    def positions(self, group: str = GROUP) -> Positions:
        return FakePositions(self.database, group, REACH)

    def outbox(self) -> OutboxReader:
        return FakeOutboxReader(self.database.outbox, FakeClock())

    def moves(self) -> Moves:
        return FakeMoves(self.database)

    async def moved(self) -> Sequence[tuple[str, int | None, str]]:
        return self.database.moves

    async def passed(self) -> Sequence[int]:
        return self.database.passed

    async def take_out(self, number: int) -> None:
        self.database.outbox.rows = [row for row in self.database.outbox.rows if row.number != number]

    async def append(self, *sensors: str) -> None:
        self.database.outbox.append(list(encode(map(fact, sensors), "alerts", "test")))

    async def published(self) -> Sequence[str]:
        return [f.event.sensor for f in self.database.facts]

    async def sensors(self) -> Mapping[str, Sensor]:
        return self.database.state.known

    async def forget(self, partition: Partition) -> None:
        del self.database.rows[partition]

    async def until_waiting(self, task: asyncio.Task[object]) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        assert not task.done()


class InPostgres(World):
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    def begin(self) -> SensorsAtWork:
        return PostgresUnitOfWork[Event, frozenset[str], Sensors](self.engine, PostgresSensors, FORM, nothing)

    def positions(self, group: str = GROUP) -> Positions:
        return PostgresPositions(self.engine, group, REACH)

    def outbox(self) -> OutboxReader:
        return PostgresOutboxReader(self.engine, asyncio.Event(), page_bytes=PAGE_BYTES, poll_seconds=0.005)

    def moves(self) -> Moves:
        return PostgresMoves(self.engine)

    async def moved(self) -> Sequence[tuple[str, int | None, str]]:
        rows = await self._ask("SELECT topic, partition, reason FROM position_moves ORDER BY id")
        return [(row.topic, row.partition, row.reason) for row in rows]

    async def passed(self) -> Sequence[int]:
        return [row.number for row in await self._ask("SELECT number FROM passed_rows ORDER BY move_id, number")]

    async def take_out(self, number: int) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(text("DELETE FROM outbox WHERE number = :number"), {"number": number})

    async def append(self, *sensors: str) -> None:
        async with self.engine.begin() as connection:
            outbox = PostgresOutbox[Event](connection, FORM)
            outbox.put([fact(name) for name in sensors], [])
            await outbox.prepare()
            await outbox.flush()

    async def published(self) -> Sequence[str]:
        rows = await self._ask("SELECT frames FROM outbox WHERE number > 0 ORDER BY number")
        frames = [frame for row in rows for frame in unpack(row.frames)]
        return [(frame.key or b"").decode() for frame in frames]

    async def sensors(self) -> Mapping[str, Sensor]:
        rows = await self._ask("SELECT sensor, limit_value, last_sequence, alarmed FROM sensors")
        return {sensor: Sensor(*rest) for sensor, *rest in rows}

    async def forget(self, partition: Partition) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(
                text("DELETE FROM positions WHERE topic = :t AND partition = :p"),
                {"t": partition.topic, "p": partition.number},
            )

    async def until_waiting(self, task: asyncio.Task[object]) -> None:
        await until_somebody_waits(self.engine)
        assert not task.done()

    async def _ask(self, question: str) -> Sequence[Any]:
        async with self.engine.connect() as connection:
            return (await connection.execute(text(question))).all()


async def until_somebody_waits(engine: AsyncEngine, sessions: int = 1) -> None:
    """Return once so many sessions of this database wait for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    alone = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with asyncio.timeout(60), alone.connect() as connection:
        while await connection.scalar(text(waiting)) < sessions:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.002)


@asynccontextmanager
async def engine_on(url: str, **database: object) -> AsyncIterator[AsyncEngine]:
    """An engine as the service's, with these settings of the section `database`; no connection of it may leak."""
    given = {f"database.{name}": value for name, value in database.items()}
    engine = create_engine(load({"database.url": url, "database.pool_size": 12} | given).database, "test")
    try:
        yield engine
        assert checked_out(engine) == 0
    finally:
        await engine.dispose()


def checked_out(engine: AsyncEngine) -> int:
    """How many of the pool's connections are in use."""
    status = engine.pool.status()
    return int(status.rsplit(" ", 1)[1])


@asynccontextmanager
async def world_at(url: str | None) -> AsyncIterator[World]:
    """A world with an empty table of sensors: in this database, or in memory."""
    if url is None:
        yield Memory()
        return
    async with engine_on(url) as engine:
        await empty(engine)
        async with engine.begin() as connection:
            await connection.execute(text("DROP TABLE IF EXISTS sensors"))
            await create_tables(connection)
        yield InPostgres(engine)


async def empty(engine: AsyncEngine) -> None:
    """Make a migrated database as it was at first: that is quicker than to create another."""
    async with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name not in {"outbox_head", "schema_compatibility"}:
                await connection.execute(table.delete())
        # The row that stands for "nothing yet" gets its number as any other does: when this commits.
        start = "UPDATE outbox_head SET number = -1, bytes = 0, started = false, transactional_id = NULL"
        await connection.execute(text(start))
        await connection.execute(text("INSERT INTO outbox (frames, bytes) VALUES ('\\x90', 0)"))
