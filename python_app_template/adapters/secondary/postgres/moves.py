"""What operators move: position rows, ids of topics, the published cursor's witness; and the book about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Integer, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from python_app_template.adapters.secondary.postgres.engine import each_alone, transaction
from python_app_template.adapters.secondary.postgres.positions import ROW, position
from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.moving import CannotMove, Move, Shelf, check_number, stands
from python_app_template.core.delivery.positions import Position
from python_app_template.core.delivery.relaying import Cursor
from python_app_template.core.ports.moves import Moves, Waiting

ROWS = text(f"SELECT {ROW} FROM positions ORDER BY topic, partition")  # noqa: S608 a constant of ours

LOCK = text(
    f"""
    SELECT {ROW} FROM positions WHERE topic = :topic AND partition = ANY(:partitions)
    ORDER BY topic, partition FOR NO KEY UPDATE
    """  # noqa: S608 likewise
).bindparams(bindparam("partitions", type_=ARRAY(Integer)))

MAKE = text(
    """
    INSERT INTO positions (topic, partition, "group", topic_id, epoch, next_offset)
    VALUES (:topic, :partition, :group_to, :topic_id_to, 0, :to_offset)
    ON CONFLICT DO NOTHING RETURNING epoch
    """
)

# Whoever had it finds its epoch gone; what was suspected of the offsets before says nothing of those that follow.
MOVE = text(
    """
    UPDATE positions
    SET epoch = epoch + 1, "group" = :group_to, topic_id = :topic_id_to, next_offset = :to_offset,
        claims = 0, suspect_end = NULL, trying = NULL, tries = 0
    WHERE topic = :topic AND partition = :partition
    RETURNING epoch
    """
)

WRITE_DOWN = text(
    """
    INSERT INTO position_moves (topic, partition, from_offset, to_offset, group_from, group_to, epoch,
                                topic_id_from, topic_id_to, published_from, published_to, reason)
    VALUES (:topic, :partition, :from_offset, :to_offset, :group_from, :group_to, :epoch,
            :topic_id_from, :topic_id_to, :published_from, :published_to, :reason)
    RETURNING id
    """
).bindparams(*(bindparam(name, type_=Text) for name in ("group_from", "group_to", "topic_id_from", "topic_id_to")))

# What lies between the cursors is skipped, or published again. With no cursor known all that is left may be either.
KEEP_PASSED = text(
    """
    INSERT INTO passed_rows (move_id, number, frames)
    SELECT :move_id, number, frames FROM outbox
    WHERE CAST(:published AS bigint) IS NULL
       OR number > least(CAST(:published AS bigint), :number) AND number <= greatest(:published, :number)
    """
).bindparams(*(bindparam(name, type_=BigInteger) for name in ("published", "number")))

TOPICS = text("SELECT topic, topic_id FROM topics")
LOCK_TOPIC = text("SELECT topic_id FROM topics WHERE topic = :topic FOR NO KEY UPDATE")
ACCEPT = text("UPDATE topics SET topic_id = :topic_id WHERE topic = :topic")

# Numbers are dense, so a row without one before it begins what is whole, if the rows go on to the last number.
SHELF = text(
    """
    SELECT s.first, h.number AS last, h.started,
           CASE WHEN s.last = h.number THEN s.begin - 1 ELSE h.number END AS whole_from
    FROM outbox_head h CROSS JOIN (
        SELECT min(number) AS first, max(number) AS last,
               max(number) FILTER (WHERE NOT EXISTS (SELECT FROM outbox p WHERE p.number = o.number - 1)) AS begin
        FROM outbox o
    ) s
    """
)
WAITING = text(
    """
    SELECT greatest(h.number - :number, 0) AS rows, greatest(h.bytes - coalesce(w.bytes, h.bytes), 0) AS bytes,
           coalesce(extract(epoch FROM clock_timestamp() - w.since), 0)::double precision AS seconds
    FROM outbox_head h CROSS JOIN (
        SELECT min(bytes_through - bytes) AS bytes, min(committed_at) AS since FROM outbox WHERE number > :number
    ) w
    """
)
WITNESS = text("SELECT row_id::text AS row_id FROM outbox WHERE number = :number")

# With a number of its own it gets none from the trigger. The next row knows the sum of bytes before it.
STAND_IN = text(
    """
    INSERT INTO outbox (number, frames, bytes, bytes_through, committed_at)
    SELECT CAST(:number AS bigint), '\\x90', 0, coalesce(o.bytes_through - o.bytes, h.bytes), now()
    FROM outbox_head h LEFT JOIN outbox o ON o.number = CAST(:number AS bigint) + 1
    ON CONFLICT (number) DO NOTHING RETURNING row_id::text AS row_id
    """
)
START = text("UPDATE outbox_head SET started = true WHERE NOT started")

NOTHING = dict.fromkeys(
    (
        *("partition", "from_offset", "to_offset", "group_from", "group_to", "epoch"),
        *("topic_id_from", "topic_id_to", "published_from", "published_to"),
    )
)


class PostgresMoves(Moves):
    """As the port says."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine, self._each_alone = engine, each_alone(engine)

    async def rows(self) -> Sequence[Position]:
        """As the port says."""
        async with transaction(self._each_alone) as connection:
            return [position(row) for row in await connection.execute(ROWS)]

    async def make(self, moves: Sequence[Move], reason: str, *, force: bool = False) -> Sequence[Move]:
        """As the port says."""
        async with transaction(self._engine) as connection:
            locked = await _locked(connection, [move.partition for move in moves])
            return [await _make(connection, move, locked.get(move.partition), reason, force=force) for move in moves]

    async def topics(self) -> Mapping[str, str]:
        """As the port says."""
        async with transaction(self._each_alone) as connection:
            return {row.topic: row.topic_id for row in await connection.execute(TOPICS)}

    async def accept(self, topic: str, topic_id: str, reason: str) -> str | None:
        """As the port says."""
        async with transaction(self._engine) as connection:
            before = await connection.scalar(LOCK_TOPIC, {"topic": topic})
            if before is not None and before != topic_id:
                await connection.execute(ACCEPT, {"topic": topic, "topic_id": topic_id})
                ids = {"topic_id_from": before, "topic_id_to": topic_id}
                await connection.execute(WRITE_DOWN, NOTHING | ids | {"topic": topic, "reason": reason})
            return None if before is None else str(before)

    async def shelf(self) -> Shelf:
        """As the port says."""
        async with transaction(self._each_alone) as connection:
            return await _shelf(connection)

    async def waiting(self, number: int) -> Waiting:
        """As the port says."""
        async with transaction(self._each_alone) as connection:
            row = (await connection.execute(WAITING, {"number": number})).one()
            return Waiting(row.rows, int(row.bytes), row.seconds)

    async def bear_witness(self, number: int, published: Cursor | None, topic: str, reason: str) -> Cursor:
        """As the port says."""
        async with transaction(self._engine) as connection:
            check_number(number, await _shelf(connection))
            row_id = await connection.scalar(STAND_IN, {"number": number})
            if row_id is None:
                row_id = await connection.scalar(WITNESS, {"number": number})
            await connection.execute(START)
            cursor = Cursor(number, str(row_id))
            if cursor != published:
                before = published.number if published else None
                numbers = {"published_from": before, "published_to": number, "topic": topic, "reason": reason}
                move_id = await connection.scalar(WRITE_DOWN, NOTHING | numbers)
                await connection.execute(KEEP_PASSED, {"move_id": move_id, "published": before, "number": number})
            return cursor


async def _shelf(connection: AsyncConnection) -> Shelf:
    row = (await connection.execute(SHELF)).one()
    return Shelf(row.first, row.whole_from, row.last, row.started)


async def _locked(connection: AsyncConnection, partitions: Sequence[Partition]) -> Mapping[Partition, Position]:
    """Lock the rows in the order of all, waiting for whoever has one."""
    found: dict[Partition, Position] = {}
    for topic in sorted({p.topic for p in partitions}):
        numbers = [p.number for p in partitions if p.topic == topic]
        rows = await connection.execute(LOCK, {"topic": topic, "partitions": numbers})
        found |= {Partition(row.topic, row.partition): position(row) for row in rows}
    return found


async def _make(connection: AsyncConnection, move: Move, row: Position | None, reason: str, *, force: bool) -> Move:
    """Move one row, and write it down. Raises CannotMove when it is not as the move saw it."""
    made = Move(move.partition, row, move.group, move.topic_id, move.next_offset)
    values: dict[str, Any] = {
        "topic": move.partition.topic,
        "partition": move.partition.number,
        "to_offset": made.next_offset,
        "group_to": made.group,
        "topic_id_to": made.topic_id,
    }
    epoch = await connection.scalar(MAKE if row is None else MOVE, values)
    if epoch is None or (stands(row) != stands(move.before) and not force):
        raise CannotMove(f"{move.partition.topic}, partition {move.partition.number}: moved just now; look again")
    before = {} if row is None else _before(row)
    await connection.execute(WRITE_DOWN, NOTHING | values | before | {"epoch": epoch, "reason": reason})
    return made


def _before(row: Position) -> dict[str, Any]:
    return {"from_offset": row.next_offset, "group_from": row.group, "topic_id_from": row.topic_id}
