"""What the tables know of a place in the input topic: positions, moves, dead letters; and the secret of the ids."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Integer, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from python_app_template.adapters.secondary.postgres.checks import asking
from python_app_template.adapters.secondary.postgres.engine import each_alone, transaction
from python_app_template.core.delivery.commands import Buried, Moved, Place, Trace
from python_app_template.core.delivery.messages import Refused
from python_app_template.core.ports.checks import Check, CheckFailed
from python_app_template.core.ports.commands import CommandLog

CONSUMED = text("SELECT partition, next_offset FROM positions WHERE topic = :topic")

TRACES = text(
    """
    SELECT a.partition, a."offset", coalesce(p.next_offset, 0) AS next_offset, t.known_from,
           l.epoch, l.reason, l.detail, m.moves
    FROM unnest(:partitions, :offsets) AS a (partition, "offset")
    LEFT JOIN positions p ON p.topic = :topic AND p.partition = a.partition
    LEFT JOIN dead_letters l
           ON l.topic = :topic AND l.partition = a.partition AND l."offset" = a."offset" AND l.topic_id = p.topic_id
    LEFT JOIN dead_letters_trimmed t
           ON t.topic = :topic AND t.partition = a.partition AND t.topic_id = p.topic_id
    LEFT JOIN (
        SELECT partition, jsonb_agg(
                   jsonb_build_array(epoch, coalesce(from_offset, 0), to_offset, topic_id_from, topic_id_to) ORDER BY id
               ) AS moves
        FROM position_moves
        WHERE topic = :topic AND epoch IS NOT NULL AND partition = ANY(:partitions)
        GROUP BY partition
    ) m ON m.partition = a.partition
    """
).bindparams(bindparam("partitions", type_=ARRAY(Integer)), bindparam("offsets", type_=ARRAY(BigInteger)))

SECRET = text("UPDATE outbox_head SET command_secret = coalesce(command_secret, :made) RETURNING command_secret")
KEPT_SECRET = text("SELECT command_secret FROM outbox_head")


OTHER_GROUPS = text('SELECT DISTINCT "group" FROM positions WHERE topic = :topic AND "group" <> :group')


def checks(engine: AsyncEngine, topic: str, group: str) -> list[Check]:
    """Return what a process that tells people of their commands wants looked at."""

    async def look() -> str:
        async with asking(engine) as connection:
            others = (await connection.scalars(OTHER_GROUPS, {"topic": topic, "group": group})).all()
        if others:
            raise CheckFailed(
                f"{topic} is consumed by group {', '.join(others)}, not by {group}",
                "set APP_KAFKA__GROUP_ID to the worker's, or hand the positions over with `positions set --group`",
            )
        return group

    return [Check("group of the positions", look)]


class PostgresCommandLog(CommandLog):
    """Of one input topic."""

    def __init__(self, engine: AsyncEngine, topic: str) -> None:
        self._engine, self._topic = each_alone(engine), topic

    async def consumed(self) -> Mapping[int, int]:
        """As the port says."""
        async with transaction(self._engine) as connection:
            rows = await connection.execute(CONSUMED, {"topic": self._topic})
            return {row.partition: row.next_offset for row in rows}

    async def traces(self, places: Collection[Place]) -> Mapping[Place, Trace]:
        """As the port says."""
        values = {
            "topic": self._topic,
            "partitions": [place.partition for place in places],
            "offsets": [place.offset for place in places],
        }
        async with transaction(self._engine) as connection:
            return {Place(row.partition, row.offset): _trace(row) for row in await connection.execute(TRACES, values)}


def _trace(row: Any) -> Trace:
    buried = None if row.epoch is None else Buried(row.epoch, Refused(row.reason, row.detail))
    return Trace(row.next_offset, [Moved(*move) for move in row.moves or ()], buried, row.known_from or 0)


async def command_secret(engine: AsyncEngine, made: bytes) -> bytes:
    """Return the secret that the database keeps; the first who asks gives it. Raises TransientError."""
    async with transaction(each_alone(engine)) as connection:
        kept = await connection.scalar(KEPT_SECRET)
        return bytes(kept if kept is not None else await connection.scalar(SECRET, {"made": made}))
