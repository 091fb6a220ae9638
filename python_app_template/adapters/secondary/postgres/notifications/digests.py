"""Digests, and how far events have been read for them; each step depends on the state it begins in. Yours."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

import msgspec
from sqlalchemy import ARRAY, BigInteger, Integer, LargeBinary, Text, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from python_app_template.adapters.secondary.postgres.engine import each_alone, transaction
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.following import Place
from python_app_template.core.domain.shortages import Digest, Shortage
from python_app_template.core.ports.digests import Compose, Digests, Ended, Pending, Standing
from python_app_template.core.ports.following import Stretch
from python_app_template.core.ports.notifications import Letter, Verdict

KEPT = 1000
"""Settled digests that are kept: of those that were sent only the numbers, of those that failed the whole mail."""

PLACES = text("SELECT partition, topic_id, next_offset FROM notifier_positions WHERE topic = :topic")
INSERT = """
    INSERT INTO notifier_positions (topic, partition, topic_id, next_offset)
    SELECT :topic, p.partition, :topic_id, p."offset" FROM unnest(:partitions, :offsets) AS p (partition, "offset")
    ORDER BY p.partition
    ON CONFLICT (topic, partition)
    """
PLACED = (bindparam("partitions", type_=ARRAY(Integer)), bindparam("offsets", type_=ARRAY(BigInteger)))
BEGIN_AT = text(f"{INSERT} DO NOTHING").bindparams(*PLACED)
PUT = text(f"{INSERT} DO UPDATE SET topic_id = excluded.topic_id, next_offset = excluded.next_offset").bindparams(
    *PLACED
)
MOVE = text(
    """
    WITH locked AS MATERIALIZED (
        SELECT p.topic, p.partition, s."end"
        FROM notifier_positions p
        JOIN unnest(:partitions, :starts, :ends) AS s (partition, start, "end")
            ON s.partition = p.partition AND s.start = p.next_offset
        WHERE p.topic = :topic
        ORDER BY p.partition
        FOR NO KEY UPDATE OF p
    )
    UPDATE notifier_positions p SET next_offset = l."end"
    FROM locked l WHERE p.topic = l.topic AND p.partition = l.partition
    """
).bindparams(
    bindparam("partitions", type_=ARRAY(Integer)),
    bindparam("starts", type_=ARRAY(BigInteger)),
    bindparam("ends", type_=ARRAY(BigInteger)),
)
COLLECTING = text("SELECT number, lines, units, listed FROM digests WHERE state = 'collecting' FOR UPDATE")
TOLD = (
    *(bindparam(name, type_=BigInteger) for name in ("lines", "units")),
    *(bindparam(name, type_=JSONB) for name in ("listed", "starts", "ends")),
)
BEGIN = text(
    """
    INSERT INTO digests (lines, units, listed, starts, ends) VALUES (:lines, :units, :listed, :starts, :ends)
    """
).bindparams(*TOLD)
# What is listed is written again only while it grows.
GO_ON = text(
    """
    UPDATE digests SET lines = :lines, units = :units, starts = :starts || starts, ends = ends || :ends,
        listed = CASE WHEN :longer THEN :listed ELSE listed END
    WHERE number = :number
    """
).bindparams(*TOLD)
DUE = text(
    """
    SELECT number, lines, units, listed, since, starts, ends FROM digests c
    WHERE state = 'collecting' AND NOT EXISTS (SELECT FROM digests WHERE state = 'pending')
        AND now() - greatest(since, (
            SELECT settled_at FROM digests WHERE state IN ('sent', 'failed') ORDER BY number DESC LIMIT 1
        )) >= make_interval(secs => :seconds)
    FOR UPDATE
    """
)
WRITE = text(
    """
    UPDATE digests SET state = 'pending', listed = NULL, message_id = :message_id, sender = :sender,
        recipients = :recipients, content = :content, written_at = now()
    WHERE number = :number
    """
).bindparams(bindparam("recipients", type_=ARRAY(Text)), bindparam("content", type_=LargeBinary))
ATTEMPT = text(
    """
    UPDATE digests SET tries = tries + 1 WHERE state = 'pending'
    RETURNING number, message_id, sender, recipients, content, tries
    """
)
SETTLE = text(
    """
    UPDATE digests SET recipients = :deferred, refused = refused || :refused,
        state = CASE WHEN :done AND refused || :refused = '{}' THEN 'sent' WHEN :done THEN 'failed' ELSE state END,
        content = CASE WHEN :done AND refused || :refused = '{}' THEN NULL ELSE content END,
        settled_at = CASE WHEN :done THEN now() END
    WHERE number = :number AND state = 'pending'
    RETURNING state
    """
).bindparams(bindparam("deferred", type_=ARRAY(Text)), bindparam("refused", type_=JSONB))
TRIM = text("DELETE FROM digests WHERE number <= :last AND state IN ('sent', 'failed')")
STANDING = text(
    """
    SELECT count(*) FILTER (WHERE state = 'pending') AS digests, coalesce(sum(lines), 0)::bigint AS lines
    FROM digests WHERE state IN ('collecting', 'pending')
    """
)


class PostgresDigests(Digests):
    """As the port says."""

    def __init__(self, engine: AsyncEngine, topic: str) -> None:
        self._engine, self._each_alone, self._topic = engine, each_alone(engine), topic

    async def place(self) -> Place | None:
        """As the port says."""
        async with transaction(self._each_alone) as connection:
            rows = (await connection.execute(PLACES, {"topic": self._topic})).all()
        offsets = {row.partition: row.next_offset for row in rows}
        return Place(rows[0].topic_id, offsets) if rows else None

    async def begin(self, place: Place) -> bool:
        """As the port says."""
        async with transaction(self._engine) as connection:
            written = await connection.execute(BEGIN_AT, self._values(place))
            return written.rowcount > 0

    async def put(self, place: Place) -> None:
        """As the port says."""
        async with transaction(self._engine) as connection:
            await connection.execute(PUT, self._values(place))

    async def collect(self, starts: Mapping[int, int], stretch: Stretch[Shortage]) -> None:
        """As the port says."""
        values = {
            "topic": self._topic,
            "partitions": list(starts),
            "starts": list(starts.values()),
            "ends": [stretch.offsets[partition] for partition in starts],
        }
        async with transaction(self._engine) as connection:
            moved = await connection.execute(MOVE, values)
            if moved.rowcount != len(starts):
                raise TransientError("another process has read these events", code="raced")
            if stretch.events:
                await _extend(connection, starts, stretch)

    async def write(self, seconds: float, compose: Compose) -> bool:
        """As the port says."""
        async with transaction(self._engine) as connection:
            row = (await connection.execute(DUE, {"seconds": seconds})).one_or_none()
            if row is None:
                return False
            ended = Ended(_digest(row), row.since.astimezone(UTC), _offsets(row.starts), _offsets(row.ends))
            letter = compose(ended)
            fields = letter._asdict() | {"recipients": list(letter.recipients), "number": row.number}
            await connection.execute(WRITE, fields)
            return True

    async def attempt(self) -> Pending | None:
        """As the port says."""
        async with transaction(self._each_alone) as connection:
            row = (await connection.execute(ATTEMPT)).one_or_none()
        if row is None:
            return None
        letter = Letter(row.message_id, row.sender, tuple(row.recipients), row.content)
        return Pending(row.number, letter, row.tries)

    async def settle(self, number: int, verdict: Verdict) -> str | None:
        """As the port says."""
        values = {
            "number": number,
            "deferred": list(verdict.deferred),
            "refused": dict(verdict.refused),
            "done": not verdict.deferred,
        }
        async with transaction(self._engine) as connection:
            state = await connection.scalar(SETTLE, values)
            await connection.execute(TRIM, {"last": number - KEPT})
            return None if state in {None, "pending"} else str(state)

    async def standing(self) -> Standing:
        """As the port says."""
        async with transaction(self._each_alone) as connection:
            row = (await connection.execute(STANDING)).one()
            return Standing(row.digests, row.lines)

    def _values(self, place: Place) -> Mapping[str, object]:
        return {
            "topic": self._topic,
            "topic_id": place.topic_id,
            "partitions": list(place.offsets),
            "offsets": list(place.offsets.values()),
        }


async def _extend(connection: AsyncConnection, starts: Mapping[int, int], stretch: Stretch[Shortage]) -> None:
    """Let the digest that collects, or a new one, tell of these too."""
    row = (await connection.execute(COLLECTING)).one_or_none()
    before = _digest(row) if row else Digest()
    after = before.extended(stretch.events)
    values = {
        "lines": after.lines,
        "units": after.units,
        "listed": msgspec.to_builtins(after.listed),
        "starts": {str(partition): offset for partition, offset in starts.items()},
        "ends": {str(partition): offset for partition, offset in stretch.offsets.items()},
    }
    if row is None:
        await connection.execute(BEGIN, values)
    else:
        longer = len(after.listed) > len(before.listed)
        listed = {} if longer else {"listed": None}
        await connection.execute(GO_ON, values | listed | {"number": row.number, "longer": longer})


def _digest(row: Any) -> Digest:
    return Digest(msgspec.convert(row.listed, tuple[Shortage, ...]), row.lines, row.units)


def _offsets(found: Mapping[str, int]) -> Mapping[int, int]:
    return {int(partition): found[partition] for partition in sorted(found, key=int)}
