"""The outbox: written inside a batch's transaction, read by the relay in the order of commits."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import ARRAY, BigInteger, Integer, LargeBinary, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from python_app_template.adapters import dead_letters
from python_app_template.adapters.secondary.postgres.engine import each_alone, transaction
from python_app_template.adapters.secondary.postgres.fates import write_down
from python_app_template.adapters.secondary.postgres.looking import Looking
from python_app_template.adapters.secondary.postgres.packing import Packed, pack, unpack
from python_app_template.core.delivery.faults import Halted, blame
from python_app_template.core.delivery.messages import DeadLetter, Fact, Frame, Record
from python_app_template.core.delivery.relaying import Cursor, OutboxRow, Standing
from python_app_template.core.delivery.remedies import for_relay
from python_app_template.core.ports.publishing import OutboxReader
from python_app_template.core.ports.unit_of_work import Outbox
from python_app_template.core.use_cases.hold_back import Pending

E = TypeVar("E")

PAGE_ROWS = 500
"""Rows of a page at the most."""

PACKED_AT_ONCE = 10_000
"""Frames that are packed together: what a large batch of orders leads to."""

ROWS_AT_ONCE = 16
"""Rows of one statement; more there are only when a change takes very many lines off a batch."""

FEW = 100
"""Facts and dead letters that are packed at once: on a thread it would take longer to hand them over."""

IDLE_SECONDS = 0.1
"""How long a reader waits for a commit before it says that there was none."""

APPEND = text(
    """
    INSERT INTO outbox (frames, bytes)
    SELECT frames, bytes FROM unnest(:frames, :sizes) WITH ORDINALITY AS r (frames, bytes, position) ORDER BY position
    """
).bindparams(bindparam("frames", type_=ARRAY(LargeBinary)), bindparam("sizes", type_=ARRAY(Integer)))

KEEP = text(
    """
    INSERT INTO oversized (topic, partition, "offset", value)
    SELECT * FROM unnest(:topics, :partitions, :offsets, :values)
    ON CONFLICT (topic, partition, "offset") DO UPDATE SET value = excluded.value, kept_at = excluded.kept_at
    """
).bindparams(
    bindparam("topics", type_=ARRAY(Text)),
    bindparam("partitions", type_=ARRAY(Integer)),
    bindparam("offsets", type_=ARRAY(BigInteger)),
    bindparam("values", type_=ARRAY(LargeBinary)),
)

# `bytes_through` only grows, so a page ends where it passes the bound; the witness's frames are not needed again.
PAGE = text(
    """
    SELECT number, row_id::text AS row_id, CASE WHEN number > :number THEN frames END AS frames,
           extract(epoch FROM clock_timestamp() - committed_at)::double precision AS age
    FROM outbox
    WHERE number >= :number AND number < :number + :rows AND (
        number <= :number + 1
        OR bytes_through <= (SELECT w.bytes_through FROM outbox w WHERE w.number = :number) + :bytes)
    ORDER BY number
    """
)
STANDING = text(
    """
    SELECT o.number, o.row_id::text AS row_id, h.started, h.number AS last
    FROM outbox_head h LEFT JOIN LATERAL (SELECT number, row_id FROM outbox ORDER BY number LIMIT 1) o ON true
    """
)
START = text("UPDATE outbox_head SET started = true WHERE NOT started")
# Only space is at stake, so nobody waits for the disk: a trimming that a crash undoes is done again.
TRIM = text(
    """
    WITH unhurried AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true) AS done)
    DELETE FROM outbox USING unhurried WHERE number < :below AND done IS NOT NULL
    """
)
REMEMBER = text(
    """
    INSERT INTO topics (topic, topic_id) SELECT * FROM unnest(:topics, :ids) AS t (topic, id) ORDER BY topic
    ON CONFLICT DO NOTHING
    """
).bindparams(bindparam("topics", type_=ARRAY(Text)), bindparam("ids", type_=ARRAY(Text)))
REMEMBERED = text("SELECT topic, topic_id FROM topics WHERE topic = ANY(:topics)").bindparams(
    bindparam("topics", type_=ARRAY(Text))
)
PENDING = text(
    """
    SELECT h.number - coalesce(o.number, 0) AS rows, h.bytes - coalesce(o.bytes_through, 0) AS bytes
    FROM outbox_head h LEFT JOIN LATERAL (SELECT number, bytes_through FROM outbox ORDER BY number LIMIT 1) o ON true
    """
)
IDENTITY = text("SELECT transactional_id FROM outbox_head")
IDENTIFY = text(
    """
    UPDATE outbox_head SET transactional_id = coalesce(transactional_id, :seed, gen_random_uuid()::text)
    RETURNING transactional_id
    """
).bindparams(bindparam("seed", type_=Text))


class Format(NamedTuple):
    """How facts and dead letters become frames. Sizes in bytes."""

    encode: Callable[[Iterable[Fact[Any]], str, str], Iterable[Frame]]
    output_topic: str
    dead_letter_topic: str
    service: str
    version: str
    row_bytes: int
    """A transaction's frames are split into rows of at most this size, if one frame is not larger by itself."""
    largest_dead_letter: int
    """What the dead-letter topic takes."""


class PostgresOutbox(Outbox[E], Generic[E]):
    """What one transaction wants published."""

    def __init__(self, connection: AsyncConnection, form: Format) -> None:
        self._connection, self._form = connection, form
        self._facts: list[Fact[E]] = []
        self._dead_letters: list[DeadLetter] = []
        self._rows: list[Packed] = []
        self._kept: list[Record] = []

    def put(self, facts: Sequence[Fact[E]], dead_letters: Sequence[DeadLetter]) -> None:
        """Note them, all facts before all dead letters; `prepare` makes rows of them."""
        self._facts += facts
        self._dead_letters += dead_letters

    async def prepare(self) -> None:
        """Make the rows, where it takes long on a thread. Raises MessageError: one of the facts can't be encoded."""
        if len(self._facts) + len(self._dead_letters) > FEW:
            await asyncio.to_thread(self.pack)
        else:
            self.pack()

    def pack(self) -> None:
        """Make the rows here and now; what `prepare` does. Frames take more memory than their bytes."""
        frames = blame(self._frames)
        while some := blame(list, islice(frames, PACKED_AT_ONCE)):
            self._rows += pack(some, self._form.row_bytes)

    async def flush(self) -> bool:
        """Write all, in rows of bounded size; say whether there was anything. Numbers come with the COMMIT."""
        if self._dead_letters:
            await write_down(self._connection, self._dead_letters)
        if self._kept:
            await self._keep()
        for first in range(0, len(self._rows), ROWS_AT_ONCE):
            await append(self._connection, self._rows[first : first + ROWS_AT_ONCE])
        return bool(self._rows)

    def _frames(self) -> Iterator[Frame]:
        form = self._form
        facts = form.encode(self._facts, form.output_topic, form.service)
        return chain(facts, map(self._bury, self._dead_letters))

    def _bury(self, letter: DeadLetter) -> Frame:
        form = self._form
        frame = dead_letters.bury(letter, form.dead_letter_topic, f"{form.service}/{form.version}")
        if dead_letters.size(frame) <= form.largest_dead_letter:
            return frame
        self._kept.append(letter.record)
        return dead_letters.truncated(frame)

    async def _keep(self) -> None:
        values = {
            "topics": [r.partition.topic for r in self._kept],
            "partitions": [r.partition.number for r in self._kept],
            "offsets": [r.offset for r in self._kept],
            "values": [r.value or b"" for r in self._kept],
        }
        await self._connection.execute(KEEP, values)


async def append(connection: AsyncConnection, rows: Sequence[Packed]) -> None:
    """Write these rows, in the transaction that is open."""
    await connection.execute(APPEND, {"frames": [r.frames for r in rows], "sizes": [r.size for r in rows]})


class PostgresOutboxReader(OutboxReader):
    """The relay's side. `page_bytes` bounds a page; `poll_seconds` is how soon commits of other processes are seen.

    `idle_seconds`: how long a page waits for something to publish; 0 for who only looks.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        committed: asyncio.Event,
        *,
        page_bytes: int,
        poll_seconds: float,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._engine, self._each_alone, self._page_bytes = engine, each_alone(engine), page_bytes
        self._looking = Looking(committed, poll_seconds, idle_seconds)

    async def standing(self) -> Standing:
        """As the port says. Raises Halted too: somebody emptied the outbox."""
        async with transaction(self._each_alone) as connection:
            row = (await connection.execute(STANDING)).one()
        if row.number is None:
            remedy = for_relay("database_set_back")
            raise Halted("relay", "database_set_back", expected="the last row published", found="none", remedy=remedy)
        return Standing(Cursor(row.number, row.row_id), row.started, row.last)

    async def page(self, number: int) -> Sequence[OutboxRow]:
        """As the port says; the first row comes without its frames."""
        return await self._looking.until_more(partial(self._look, number))

    async def start(self) -> None:
        """As the port says."""
        async with transaction(self._each_alone) as connection:
            await connection.execute(START)

    async def topics(self, found: Mapping[str, str]) -> Mapping[str, str]:
        """As the port says."""
        async with transaction(self._engine) as connection:
            await connection.execute(REMEMBER, {"topics": list(found), "ids": list(found.values())})
            rows = await connection.execute(REMEMBERED, {"topics": list(found)})
            return {row.topic: row.topic_id for row in rows}

    async def trim(self, below: int) -> None:
        """As the port says."""
        async with transaction(self._each_alone) as connection:
            await connection.execute(TRIM, {"below": below})

    async def _look(self, number: int) -> Sequence[OutboxRow]:
        async with transaction(self._each_alone) as connection:
            bounds = {"number": number, "rows": PAGE_ROWS, "bytes": self._page_bytes}
            rows = await connection.execute(PAGE, bounds)
            return [OutboxRow(r.number, r.row_id, unpack(r.frames) if r.frames else (), r.age) for r in rows]


async def pending(engine: AsyncEngine) -> Pending:
    """Count it. Trimming comes later than publishing: up to a page, or what goes out in 0.1 s, is counted too much."""
    async with transaction(each_alone(engine)) as connection:
        row = (await connection.execute(PENDING)).one()
        return Pending(row.rows, row.bytes)


async def transactional_id(engine: AsyncEngine, seed: str | None) -> str:
    """Return the relay's transactional id, which the database keeps for good; the first caller's seed makes it."""
    async with transaction(engine) as connection:
        return str(await connection.scalar(IDENTIFY, {"seed": seed}))


async def kept_transactional_id(engine: AsyncEngine) -> str | None:
    """Return it without making one; None: no relay ever ran."""
    async with transaction(each_alone(engine)) as connection:
        kept = await connection.scalar(IDENTITY)
        return None if kept is None else str(kept)
