"""All that the database still knows of one order, in one moment. Yours."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ARRAY, BigInteger, Integer, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from python_app_template.adapters.secondary.postgres.engine import transaction
from python_app_template.adapters.secondary.postgres.packing import plain, unpack
from python_app_template.core.delivery.messages import Frame

ORDER = text("SELECT customer_id, placed_at, changed_at, cancelled FROM orders WHERE order_id = :order_id")
LINES = text(
    """
    SELECT l.line, l.sku, l.qty, l.status, l.version, l.batch_ref
    FROM orders o JOIN order_lines l ON l.number = o.number
    WHERE o.order_id = :order_id ORDER BY l.line
    """
)
POSITIONS = text("SELECT partition, next_offset FROM positions WHERE topic = :topic")
PURGED = text("SELECT max(before) FROM purges")
HEAD = text("SELECT transactional_id FROM outbox_head")
OUTBOX = text("SELECT number, frames, committed_at FROM outbox ORDER BY number")
DIGESTS = text(
    """
    SELECT number, state, message_id, starts, ends, coalesce(settled_at, written_at, since) AS at
    FROM digests ORDER BY number
    """
)
DEAD = text(
    """
    SELECT d.partition, d."offset", d.reason, d.detail FROM dead_letters d
    JOIN unnest(:partitions, :offsets) AS m (partition, "offset")
        ON m.partition = d.partition AND m."offset" = d."offset"
    WHERE d.topic = :topic
    """
).bindparams(bindparam("partitions", type_=ARRAY(Integer)), bindparam("offsets", type_=ARRAY(BigInteger)))


class OrderRow(NamedTuple):
    """The order as it now is."""

    customer_id: str | None
    placed_at: datetime | None
    changed_at: datetime
    cancelled: bool


class LineRow(NamedTuple):
    """A line of it; `version` is of the SKU's last event about the line, 0 if it belongs to no known SKU."""

    line: int
    sku: str
    qty: int
    status: str
    version: int
    batch_ref: str | None


class OutboxRow(NamedTuple):
    """A row of the outbox with something about the order in it."""

    number: int
    frames: Sequence[Frame]
    committed_at: datetime


class DigestRow(NamedTuple):
    """A digest, and the offsets of events that it tells of."""

    number: int
    state: str
    message_id: str | None
    starts: Mapping[int, int]
    ends: Mapping[int, int]
    at: datetime


class Kept(NamedTuple):
    """What one moment of the database shows."""

    order: OrderRow | None
    lines: Sequence[LineRow]
    positions: Mapping[int, int]
    outbox: Sequence[OutboxRow]
    digests: Sequence[DigestRow]
    purged_before: datetime | None
    transactional_id: str | None


async def kept(engine: AsyncEngine, order_id: str, topic: str) -> Kept:
    """Look at one moment, and change nothing. Raises TransientError, FatalError."""
    moment = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    async with transaction(moment) as connection:
        order = await _rows(connection, ORDER, order_id=order_id)
        lines = await _rows(connection, LINES, order_id=order_id)
        positions = await _rows(connection, POSITIONS, topic=topic)
        outbox = await _outbox(connection, msgspec.json.encode(order_id)[1:-1])
        return Kept(
            OrderRow(*order[0]) if order else None,
            [LineRow(*line) for line in lines],
            {row.partition: row.next_offset for row in positions},
            outbox,
            [_digest(row) for row in await _rows(connection, DIGESTS)],
            await connection.scalar(PURGED),
            await connection.scalar(HEAD),
        )


async def dead(engine: AsyncEngine, topic: str, places: Sequence[tuple[int, int]]) -> Mapping[tuple[int, int], str]:
    """Return which of the messages at these places became dead letters, and why. Raises TransientError, FatalError."""
    values = {"topic": topic, "partitions": [p for p, _ in places], "offsets": [o for _, o in places]}
    async with transaction(engine) as connection:
        rows = await connection.execute(DEAD, values)
        return {(row.partition, row.offset): f"{row.reason}: {row.detail}" for row in rows}


async def _rows(connection: AsyncConnection, statement: Any, **values: object) -> Sequence[Any]:
    return (await connection.execute(statement, values)).all()


async def _outbox(connection: AsyncConnection, written: bytes) -> Sequence[OutboxRow]:
    """Return the rows that have this in them somewhere, one in memory at a time: there may be many, and large ones."""
    async with connection.stream(OUTBOX, execution_options={"yield_per": 1}) as rows:
        return [
            OutboxRow(row.number, unpack(row.frames), _utc(row.committed_at))
            async for row in rows
            if written in plain(row.frames)
        ]


def _digest(row: Any) -> DigestRow:
    starts, ends = ({int(number): at for number, at in found.items()} for found in (row.starts, row.ends))
    return DigestRow(row.number, row.state, row.message_id, starts, ends, _utc(row.at))


def _utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC)
