"""Which messages became dead letters, for those who ask for their command: written by the worker, trimmed by age."""

from collections.abc import Sequence

from sqlalchemy import ARRAY, BigInteger, Integer, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from python_app_template.adapters.dead_letters import one_line
from python_app_template.adapters.secondary.postgres.engine import transaction
from python_app_template.core.delivery.messages import DeadLetter

TRIMMED_AT_ONCE = 10_000
"""Rows that one transaction forgets."""

# The position row is ours and stays so until COMMIT. What was a dead letter before, and is one again, is told anew.
WRITE = text(
    """
    INSERT INTO dead_letters (topic, partition, "offset", topic_id, epoch, reason, detail)
    SELECT p.topic, p.partition, l."offset", p.topic_id, p.epoch, l.reason, l.detail
    FROM unnest(:topics, :partitions, :offsets, :reasons, :details) AS l (topic, partition, "offset", reason, detail)
    JOIN positions p ON p.topic = l.topic COLLATE "C" AND p.partition = l.partition
    ON CONFLICT (topic, partition, "offset") DO UPDATE
    SET topic_id = excluded.topic_id, epoch = excluded.epoch, reason = excluded.reason, detail = excluded.detail,
        written_at = excluded.written_at
    """
).bindparams(
    bindparam("topics", type_=ARRAY(Text)),
    bindparam("partitions", type_=ARRAY(Integer)),
    bindparam("offsets", type_=ARRAY(BigInteger)),
    bindparam("reasons", type_=ARRAY(Text)),
    bindparam("details", type_=ARRAY(Text)),
)

# Whoever reads sees either the rows, or how far back they are gone. What another one is about to trim is his.
TRIM = text(
    """
    WITH old AS (
        SELECT topic, partition, "offset" FROM dead_letters
        WHERE written_at < now() - make_interval(secs => :seconds)
        ORDER BY topic, partition, "offset" LIMIT :rows FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM dead_letters d USING old o
        WHERE d.topic = o.topic AND d.partition = o.partition AND d."offset" = o."offset"
        RETURNING d.topic, d.partition, d.topic_id, d."offset"
    ), written AS (
        INSERT INTO dead_letters_trimmed AS t (topic, partition, topic_id, known_from)
        SELECT topic, partition, topic_id, max("offset") + 1 FROM gone GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (topic, partition, topic_id) DO UPDATE SET known_from = greatest(t.known_from, excluded.known_from)
    )
    SELECT count(*) FROM gone
    """
)


async def write_down(connection: AsyncConnection, letters: Sequence[DeadLetter]) -> None:
    """Write, in the transaction that is open and has moved the positions, what it makes dead letters of."""
    values = {
        "topics": [letter.record.partition.topic for letter in letters],
        "partitions": [letter.record.partition.number for letter in letters],
        "offsets": [letter.record.offset for letter in letters],
        "reasons": [letter.why.reason for letter in letters],
        "details": [one_line(letter.why.detail) for letter in letters],
    }
    await connection.execute(WRITE, values)


async def trim(engine: AsyncEngine, seconds: float) -> int:
    """Forget what is older; return how much that was. Raises TransientError."""
    forgotten = 0
    while True:
        async with transaction(engine) as connection:
            gone = int(await connection.scalar(TRIM, {"seconds": seconds, "rows": TRIMMED_AT_ONCE}) or 0)
        forgotten += gone
        if gone < TRIMMED_AT_ONCE:
            return forgotten
