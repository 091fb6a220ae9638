"""What has been consumed and published, against the topics: where each part stands, or why it would not go on."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeAlias

from python_app_template.core.delivery.faults import Halted
from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.moving import why_halted
from python_app_template.core.delivery.positions import Log, Position
from python_app_template.core.delivery.relaying import Cursor, follow, recognise, resume
from python_app_template.core.ports.moves import Logs, Moves, Waiting
from python_app_template.core.ports.publishing import OutboxReader

LookAtCursor: TypeAlias = Callable[[], Awaitable[Cursor | None]]
"""Read the published cursor, disturbing nobody. Raises TransientError, Halted."""


class Consumed(NamedTuple):
    """A partition: its row (None: never claimed), its log (None: not there), and why a worker would halt, or ""."""

    partition: Partition
    row: Position | None
    log: Log | None
    state: str

    @property
    def lag(self) -> int | None:
        """Offsets from the position to the log's end."""
        return max(self.log.end - self.row.next_offset, 0) if self.row and self.log else None


class Published(NamedTuple):
    """The way out: the cursor (None: there is none), what the outbox holds, and why a relay would halt, or None."""

    cursor: Cursor | None
    first: int | None
    """The number of the outbox's first row."""
    last: int
    """The last number committed."""
    waiting: Waiting
    halted: Halted | None


class ShowPositions:
    """The verdicts are those of worker and relay; nobody is disturbed."""

    def __init__(
        self,
        moves: Moves,
        logs: Logs,
        outbox: OutboxReader,
        look_at_cursor: LookAtCursor,
        *,
        group: str,
        consumed: str,
        written: Sequence[str],
    ) -> None:
        self._moves, self._logs, self._outbox, self._look_at_cursor = moves, logs, outbox, look_at_cursor
        self._group, self._topic, self._written = group, consumed, written

    async def consumed(self) -> Sequence[Consumed]:
        """All partitions of the input topic, and all rows of others. Raises TransientError."""
        rows = {row.partition: row for row in await self._moves.rows()}
        partitions = {*rows, *await self._logs.partitions(self._topic)}
        there = {p for topic in {p.topic for p in partitions} for p in await self._logs.partitions(topic)}
        return [await self._consumed(p, rows.get(p), exists=p in there) for p in sorted(partitions)]

    async def _consumed(self, partition: Partition, row: Position | None, *, exists: bool) -> Consumed:
        log = await self._logs.log(partition) if exists else None
        if partition.topic != self._topic:
            return Consumed(partition, row, log, "not_consumed")
        if log is None:
            return Consumed(partition, row, None, "missing")
        return Consumed(partition, row, log, "unclaimed" if row is None else why_halted(row, log, self._group))

    async def published(self) -> Published:
        """Raises TransientError."""
        shelf = await self._moves.shelf()
        cursor, halted = None, None
        try:
            await self._recognise_topics()
            cursor = await self._look_at_cursor()
            await self._judge(cursor)
        except Halted as why:
            halted = why
        number = cursor.number if cursor else (shelf.first or 0)
        return Published(cursor, shelf.first, shelf.last, await self._moves.waiting(number), halted)

    async def _recognise_topics(self) -> None:
        ids = {topic: await self._logs.topic_id(topic) for topic in self._written}
        found = {topic: topic_id for topic, topic_id in ids.items() if topic_id}
        recognise({**found, **await self._moves.topics()}, found)

    async def _judge(self, cursor: Cursor | None) -> None:
        """Raise what the relay would."""
        cursor = resume(cursor, await self._outbox.standing())
        if cursor is not None:
            follow(cursor, await self._outbox.page(cursor.number))
