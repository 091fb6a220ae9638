"""One moment of the database, for the audit: positions, the outbox, what operators did; and the domain's own tables."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC
from typing import Any, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from python_app_template.adapters.secondary.postgres.engine import (
    connect,
    create_engine,
    each_alone,
    give_back,
    transaction,
)
from python_app_template.adapters.secondary.postgres.packing import unpack
from python_app_template.adapters.secondary.postgres.sqlstates import ERRORS, classify
from python_app_template.audit.evidence import Decision, Move
from python_app_template.core.delivery.messages import Frame
from python_app_template.settings import Database

POSITIONS = text('SELECT partition, "group", next_offset FROM positions WHERE topic = :topic ORDER BY partition')
HEAD = text("SELECT number, started, transactional_id FROM outbox_head")
PURGED = text("SELECT EXISTS (SELECT FROM purges)")
MOVES = text(
    """
    SELECT partition, coalesce(from_offset, 0) AS from_offset, to_offset,
           moved_by, moved_at, reason, topic_id_from IS NOT NULL AND topic_id_to <> topic_id_from AS reborn
    FROM position_moves WHERE topic = :topic AND partition IS NOT NULL AND to_offset IS NOT NULL ORDER BY moved_at, id
    """
)
CURSOR_MOVES = text(
    """
    SELECT id, published_from, published_to, moved_by, moved_at, reason FROM position_moves
    WHERE published_to IS NOT NULL ORDER BY id
    """
)
PASSED = text("SELECT number, frames FROM passed_rows WHERE move_id = :move_id ORDER BY number")
ROWS = text("SELECT number, row_id::text AS row_id, frames FROM outbox ORDER BY number")
# It reads for as long as there is something to read; each fetch of its cursor is one statement.
PATIENT = text(
    "SELECT set_config(name, '0', true) FROM pg_settings"
    " WHERE name IN ('transaction_timeout', 'idle_in_transaction_session_timeout')"
)

ReadTables = Callable[[AsyncConnection], Awaitable[Any]]
"""Reads the domain's tables inside the snapshot's transaction."""


class Pending(NamedTuple):
    """A row of the outbox: published already or not yet."""

    number: int
    row_id: str
    frames: Sequence[Frame]


class CursorMoved(NamedTuple):
    """The published cursor, moved by an operator, and what the rows hold that it went over."""

    before: int | None
    after: int
    skipped: Sequence[Frame]
    again: Sequence[Frame]
    decision: Decision


class Snapshot(NamedTuple):
    """What one transaction saw. `head` is the last number given."""

    positions: dict[int, int]
    head: int
    started: bool
    transactional_id: str | None
    outbox: Sequence[Pending]
    tables: Any
    moves: Sequence[Move] = ()
    """Positions that operators moved, in the order in which they did."""
    cursor_moves: Sequence[CursorMoved] = ()
    purged: bool = False
    reborn: bool = False
    """A position was moved to a topic that was made anew."""


class Looking:
    """Looks at a database and changes nothing. All raises TransientError, FatalError."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def take(self, topic: str, read_tables: ReadTables) -> Snapshot:
        """Read it all in one transaction, which sees one moment and disturbs nobody."""
        async with one_moment(self._engine) as connection:
            return await _read(connection, topic, read_tables)

    async def last_number(self) -> int:
        """Return the last number that the outbox has given by now."""
        async with transaction(each_alone(self._engine)) as connection:
            return int((await connection.execute(HEAD)).one().number)


@asynccontextmanager
async def looking(database: Database, name: str) -> AsyncIterator[Looking]:
    """Open a way to look; nothing is connected before."""
    engine = create_engine(database, name)
    try:
        yield Looking(engine)
    finally:
        await engine.dispose()


async def _read(connection: AsyncConnection, topic: str, read_tables: ReadTables) -> Snapshot:
    positions = {row.partition: row.next_offset for row in await connection.execute(POSITIONS, {"topic": topic})}
    head = (await connection.execute(HEAD)).one()
    rows = [Pending(row.number, row.row_id, unpack(row.frames)) for row in await connection.execute(ROWS)]
    tables = await read_tables(connection)
    moves = (await connection.execute(MOVES, {"topic": topic})).all()
    return Snapshot(
        positions,
        head.number,
        head.started,
        head.transactional_id,
        rows,
        tables,
        [Move(move.partition, move.from_offset, move.to_offset, _decision(move)) for move in moves],
        [await _cursor_moved(connection, move) for move in (await connection.execute(CURSOR_MOVES)).all()],
        purged=bool(await connection.scalar(PURGED)),
        reborn=any(move.reborn for move in moves),
    )


async def _cursor_moved(connection: AsyncConnection, move: Row[Any]) -> CursorMoved:
    skipped: list[Frame] = []
    again: list[Frame] = []
    for row in await connection.execute(PASSED, {"move_id": move.id}):
        (skipped if row.number <= move.published_to else again).extend(unpack(row.frames))
    return CursorMoved(move.published_from, move.published_to, skipped, again, _decision(move))


def _decision(move: Row[Any]) -> Decision:
    at = move.moved_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Decision(move.moved_by, at, move.reason)


@asynccontextmanager
async def one_moment(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that sees one moment, for as long as there is something to read. Raises TransientError."""
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    connection, fault = await connect(engine), None
    try:
        connection = await connection.execution_options(**options)
        await connection.execute(PATIENT)
        yield connection
    except BaseException as error:
        fault = error
        if isinstance(error, ERRORS):
            raise classify(error) from error
        raise
    finally:
        await give_back(connection, fault)
