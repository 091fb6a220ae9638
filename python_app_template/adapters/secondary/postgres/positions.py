"""The position rows: claims, looks, announcements; and their move inside a batch's transaction."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Integer, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from python_app_template.adapters.secondary.postgres.engine import each_alone, transaction
from python_app_template.core.delivery.messages import Partition, Span
from python_app_template.core.delivery.positions import SUSPECT_AFTER, Log, Position
from python_app_template.core.ports.positions import Positions

ROW = 'topic, partition, "group", topic_id, epoch, next_offset, claims, suspect_end'

MAKE = text(
    """
    INSERT INTO positions (topic, partition, "group", topic_id, epoch, next_offset)
    VALUES (:topic, :partition, :group, :topic_id, 0, :start)
    ON CONFLICT DO NOTHING
    """
)

CLAIM = text(
    f"""
    UPDATE positions
    SET epoch = epoch + 1,
        claims = claims + 1,
        suspect_end = CASE WHEN claims + 1 >= :suspect_after
                           THEN greatest(suspect_end, next_offset + :reach) ELSE suspect_end END
    WHERE topic = :topic AND partition = :partition AND "group" = :group AND topic_id = :topic_id
    RETURNING {ROW}
    """  # noqa: S608 a constant of ours
)

READ = text(f"SELECT {ROW} FROM positions WHERE topic = :topic AND partition = :partition")  # noqa: S608 likewise

ANNOUNCE = text(
    """
    UPDATE positions
    SET trying = next_offset, tries = CASE WHEN trying = next_offset THEN tries + 1 ELSE 1 END
    WHERE topic = :topic AND partition = :partition AND epoch = :epoch AND next_offset = :start
    RETURNING tries
    """
)

RELEASE = text(
    """
    UPDATE positions SET claims = 0, tries = 0
    WHERE topic = :topic AND partition = :partition AND epoch = :epoch AND (claims > 0 OR tries > 0)
    """
)

# Locked in one order by all (an UPDATE alone locks in its plan's: two of them deadlock), then judged as the lock shows
# them: what a plain read showed might be older than a commit that is still on its way.
ADVANCE = text(
    """
    WITH spans AS (
        SELECT * FROM unnest(:topics, :partitions, :epochs, :starts, :ends)
            AS s (topic, partition, epoch, start, "end")
    ), locked AS MATERIALIZED (
        SELECT p.*, s.epoch = p.epoch AND s.start = p.next_offset AS ours, s."end"
        FROM positions p JOIN spans s ON s.topic COLLATE "C" = p.topic AND s.partition = p.partition
        ORDER BY p.topic, p.partition
        FOR NO KEY UPDATE OF p
    ), moved AS (
        UPDATE positions p
        SET next_offset = l."end",
            claims = CASE WHEN l."end" > l.next_offset THEN 0 ELSE p.claims END,
            trying = CASE WHEN l."end" > l.next_offset THEN NULL ELSE p.trying END,
            tries = CASE WHEN l."end" > l.next_offset THEN 0 ELSE p.tries END,
            suspect_end = CASE WHEN l."end" >= p.suspect_end THEN NULL ELSE p.suspect_end END
        FROM locked l
        WHERE p.topic = l.topic AND p.partition = l.partition AND l.ours
        RETURNING p.topic, p.partition
    )
    SELECT s.topic, s.partition, coalesce(l."group", '') AS "group", coalesce(l.topic_id, '') AS topic_id,
           coalesce(l.epoch, 0) AS epoch, coalesce(l.next_offset, 0) AS next_offset, coalesce(l.claims, 0) AS claims,
           l.suspect_end
    FROM spans s
    LEFT JOIN locked l ON l.topic = s.topic AND l.partition = s.partition
    LEFT JOIN moved m ON m.topic = s.topic AND m.partition = s.partition
    WHERE m.topic IS NULL
    """
).bindparams(
    bindparam("topics", type_=ARRAY(Text)),
    bindparam("partitions", type_=ARRAY(Integer)),
    bindparam("epochs", type_=ARRAY(BigInteger)),
    bindparam("starts", type_=ARRAY(BigInteger)),
    bindparam("ends", type_=ARRAY(BigInteger)),
)


async def advance(connection: AsyncConnection, spans: Sequence[Span]) -> Sequence[Position]:
    """Move the rows of these spans; return those that did not: not where their span starts, another's, or gone."""
    values = {
        "topics": [s.partition.topic for s in spans],
        "partitions": [s.partition.number for s in spans],
        "epochs": [s.epoch for s in spans],
        "starts": [s.start for s in spans],
        "ends": [s.end for s in spans],
    }
    return [position(row) for row in await connection.execute(ADVANCE, values)]


class PostgresPositions(Positions):
    """Positions of one consumer group. `reach`: how far from a claim on a partition is suspect, in offsets."""

    def __init__(self, engine: AsyncEngine, group: str, reach: int) -> None:
        self._engine, self._each_alone, self._group, self._reach = engine, each_alone(engine), group, reach

    async def claim(self, partition: Partition, log: Log) -> Position:
        """As the port says."""
        place = {"topic": partition.topic, "partition": partition.number}
        owner = place | {"group": self._group, "topic_id": log.topic_id}
        async with transaction(self._engine) as connection:
            await connection.execute(MAKE, owner | {"start": log.start})
            suspicion = {"suspect_after": SUSPECT_AFTER, "reach": self._reach}
            claimed = (await connection.execute(CLAIM, owner | suspicion)).one_or_none()
            return position(claimed or (await connection.execute(READ, place)).one())

    async def read(self, partition: Partition) -> Position | None:
        """As the port says."""
        place = {"topic": partition.topic, "partition": partition.number}
        async with transaction(self._each_alone) as connection:
            row = (await connection.execute(READ, place)).one_or_none()
            return position(row) if row else None

    async def announce(self, span: Span) -> int | None:
        """As the port says."""
        place = {"topic": span.partition.topic, "partition": span.partition.number}
        async with transaction(self._each_alone) as connection:
            tries = await connection.scalar(ANNOUNCE, place | {"epoch": span.epoch, "start": span.start})
            return None if tries is None else int(tries)

    async def release(self, partition: Partition, epoch: int) -> None:
        """As the port says."""
        place = {"topic": partition.topic, "partition": partition.number}
        async with transaction(self._each_alone) as connection:
            await connection.execute(RELEASE, place | {"epoch": epoch})


def position(row: Any) -> Position:
    """Return a row of `ROW`'s columns as the core sees it."""
    return Position(
        Partition(row.topic, row.partition),
        row.group,
        row.topic_id,
        row.epoch,
        row.next_offset,
        row.claims,
        row.suspect_end,
    )
