"""The position rows in memory."""

from dataclasses import replace
from typing import Generic, TypeVar

from python_app_template.core.delivery.messages import Partition, Span
from python_app_template.core.delivery.positions import SUSPECT_AFTER, Log, Position
from python_app_template.core.ports.positions import Positions
from tests.fakes.database import Database

E = TypeVar("E")
S = TypeVar("S")


class FakePositions(Positions, Generic[E, S]):
    """As one process of `group` sees them; `suspects`: how many messages a suspect_end covers."""

    def __init__(self, database: Database[E, S], group: str = "group", suspects: int = 10) -> None:
        self._database, self._group, self._suspects = database, group, suspects

    async def claim(self, partition: Partition, log: Log) -> Position:
        async with self._database.lock(partition):
            return self._database.faults.meet(lambda: self._claimed(partition, log))

    async def read(self, partition: Partition) -> Position | None:
        return self._database.faults.meet(lambda: self._database.rows.get(partition))

    async def announce(self, span: Span) -> int | None:
        async with self._database.lock(span.partition):
            return self._database.faults.meet(lambda: self._announced(span))

    async def release(self, partition: Partition, epoch: int) -> None:
        async with self._database.lock(partition):
            self._database.faults.meet(lambda: self._released(partition, epoch))

    def _claimed(self, partition: Partition, log: Log) -> Position:
        fresh = Position(partition, self._group, log.topic_id, 0, log.start)
        row = self._database.rows.get(partition, fresh)
        if (row.group, row.topic_id) != (self._group, log.topic_id):
            return row
        row = replace(row, epoch=row.epoch + 1, claims=row.claims + 1)
        if row.claims >= SUSPECT_AFTER:
            row = replace(row, suspect_end=max(row.suspect_end or 0, row.next_offset + self._suspects))
        self._database.rows[partition] = row
        return row

    def _announced(self, span: Span) -> int | None:
        row = self._database.rows.get(span.partition)
        if row is None or (row.epoch, row.next_offset) != (span.epoch, span.start):
            return None
        offset, tries = self._database.trying.get(span.partition, (span.start, 0))
        tries = tries + 1 if offset == span.start else 1
        self._database.trying[span.partition] = (span.start, tries)
        return tries

    def _released(self, partition: Partition, epoch: int) -> None:
        row = self._database.rows.get(partition)
        if row is not None and row.epoch == epoch:
            self._database.rows[partition] = replace(row, claims=0)
            self._database.trying.pop(partition, None)
