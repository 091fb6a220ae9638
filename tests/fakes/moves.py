"""What operators move, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Generic, TypeVar

from python_app_template.core.delivery.messages import Partition
from python_app_template.core.delivery.moving import CannotMove, Move, Shelf, check_number, stands
from python_app_template.core.delivery.positions import Log, Position
from python_app_template.core.delivery.relaying import Cursor, OutboxRow
from python_app_template.core.ports.moves import Logs, Moves, Waiting
from tests.fakes.database import Database

E = TypeVar("E")
S = TypeVar("S")


class FakeMoves(Moves, Generic[E, S]):
    """The moves of one database; they are kept in its `moves`."""

    def __init__(self, database: Database[E, S]) -> None:
        self._database = database

    async def rows(self) -> Sequence[Position]:
        return [row for _, row in sorted(self._database.rows.items())]

    async def make(self, moves: Sequence[Move], reason: str, *, force: bool = False) -> Sequence[Move]:
        locks = [self._database.lock(move.partition) for move in sorted(moves, key=lambda m: m.partition)]
        for lock in locks:
            await lock.acquire()
        try:
            made = [self._checked(move, force=force) for move in moves]
            for move in made:
                epoch = 0 if move.before is None else move.before.epoch + 1
                row = Position(move.partition, move.group, move.topic_id, epoch, move.next_offset)
                self._database.rows[move.partition] = row
                self._database.trying.pop(move.partition, None)
                self._database.moves.append((move.partition.topic, move.partition.number, reason))
            return made
        finally:
            for lock in locks:
                lock.release()

    async def topics(self) -> Mapping[str, str]:
        return dict(self._database.outbox.topics)

    async def accept(self, topic: str, topic_id: str, reason: str) -> str | None:
        before = self._database.outbox.topics.get(topic)
        if before not in {None, topic_id}:
            self._database.outbox.topics[topic] = topic_id
            self._database.moves.append((topic, None, reason))
        return before

    async def shelf(self) -> Shelf:
        table = self._database.outbox
        numbers = [row.number for row in table.rows]
        first = min(numbers, default=None)
        whole_from = table.last
        while whole_from in numbers and whole_from >= 0:
            whole_from -= 1
        return Shelf(first, whole_from, table.last, table.started)

    async def waiting(self, number: int) -> Waiting:
        return Waiting(max(self._database.outbox.last - number, 0), 0, 0.0)

    async def bear_witness(self, number: int, published: Cursor | None, topic: str, reason: str) -> Cursor:
        check_number(number, await self.shelf())
        table = self._database.outbox
        if number not in {row.number for row in table.rows}:
            table.rows.append(OutboxRow(number, f"stand-in-{number}", ()))
            table.rows.sort()
        table.started = True
        cursor = next(row.cursor for row in table.rows if row.number == number)
        if cursor != published:
            self._database.moves.append((topic, None, reason))
            known = published.number if published else None
            between = (-1, table.last) if known is None else sorted((known, number))
            self._database.passed += [row.number for row in table.rows if between[0] < row.number <= between[1]]
        return cursor

    def _checked(self, move: Move, *, force: bool) -> Move:
        row = self._database.rows.get(move.partition)
        if stands(row) != stands(move.before) and not force:
            raise CannotMove(f"{move.partition}: moved just now; look again")
        return replace(move, before=row)


class FakeLogs(Logs):
    """Topics that are as they are set; `times` are the offsets of instants."""

    def __init__(self, logs: Mapping[Partition, Log], times: Mapping[datetime, int] | None = None) -> None:
        self.logs, self._times = dict(logs), times or {}

    async def partitions(self, topic: str) -> Sequence[Partition]:
        return sorted(partition for partition in self.logs if partition.topic == topic)

    async def topic_id(self, topic: str) -> str | None:
        return next((log.topic_id for partition, log in self.logs.items() if partition.topic == topic), None)

    async def log(self, partition: Partition) -> Log:
        return self.logs[partition]

    async def offset_at(self, partition: Partition, at: datetime) -> int:
        return self._times.get(at, self.logs[partition].end)
