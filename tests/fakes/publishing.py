"""The way out in memory: topics with a cursor and a fence, the right to relay, the outbox."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from python_app_template.core.delivery.faults import Halted, TransientError
from python_app_template.core.delivery.messages import Frame
from python_app_template.core.delivery.relaying import Cursor, OutboxRow, Standing
from python_app_template.core.ports.publishing import OutboxReader, Publisher, Term
from tests.fakes.clock import FakeClock
from tests.fakes.database import OutboxTable
from tests.fakes.faults import Faults

T = TypeVar("T")


def nothing() -> None:
    return None


@dataclass
class FakeBroker:
    """The topics, what is visible in them, and who may write."""

    frames: list[Frame] = field(default_factory=list)
    cursor: Cursor | None = None
    ids: dict[str, str] = field(default_factory=lambda: {"allocations": "a", "raw-push.dlq": "d"})
    faults: Faults = field(default_factory=Faults)
    refused: Callable[[Frame], bool] = lambda _frame: False
    """Frames that the broker does not take."""
    lost_terms: set[int] = field(default_factory=set)
    """Numbers of the calls of holds(), counted from 1, at which the term turns out to be lost."""
    transactions: int = 0
    fence: int = 0
    leader: object = None
    queueing: Callable[[], None] = nothing
    """Called while another has the term."""
    asked: int = 0
    entered: int = 0
    """How often somebody came for the term."""

    def lead(self) -> AbstractAsyncContextManager[Term]:
        return self._lead()

    def open_publisher(self) -> AbstractAsyncContextManager[Publisher]:
        return self._open_publisher()

    @asynccontextmanager
    async def _lead(self) -> AsyncIterator[Term]:
        self.faults.meet(nothing)
        self.entered += 1
        if self.leader is not None:
            self.queueing()
            await asyncio.sleep(0)
        term = FakeTerm(self)
        if self.leader is None:
            self.leader = term
        try:
            yield term
        finally:
            if self.leader is term:
                self.leader = None

    @asynccontextmanager
    async def _open_publisher(self) -> AsyncIterator[Publisher]:
        self.faults.meet(nothing)
        self.fence += 1
        yield FakePublisher(self)


class FakeTerm(Term):
    def __init__(self, broker: FakeBroker) -> None:
        self._broker, self._lost = broker, False
        self._had = broker.leader is None

    async def queue(self) -> bool:
        if not self._had:
            self._broker.queueing()
            await asyncio.sleep(0)
            if self._broker.leader is not None:
                return False
            self._broker.leader, self._had, self._lost = self, True, False
        if not await self.holds():
            raise TransientError("lost")
        return True

    async def holds(self) -> bool:
        self._broker.asked += 1
        self._lost = self._lost or self._broker.asked in self._broker.lost_terms or self._broker.leader is not self
        return not self._lost


class FakePublisher(Publisher):
    """Fenced by the next one; after a TransientError it must not be used again."""

    def __init__(self, broker: FakeBroker) -> None:
        self._broker, self._fence, self._broken = broker, broker.fence, False

    async def cursor(self) -> Cursor | None:
        return self._meet(lambda: self._broker.cursor)

    async def topics(self) -> Mapping[str, str]:
        return self._meet(lambda: dict(self._broker.ids))

    async def publish(self, rows: Sequence[OutboxRow], cursor: Cursor) -> None:
        frames = [frame for row in rows for frame in row.frames]
        for frame in filter(self._broker.refused, frames):
            raise Halted("relay", "frame_refused", expected="a frame", found=frame, remedy="look at it")
        self._meet(lambda: self._commit(frames, cursor))

    def _commit(self, frames: Sequence[Frame], cursor: Cursor) -> None:
        self._broker.transactions += 1
        self._broker.frames += frames
        self._broker.cursor = cursor

    def _meet(self, effect: Callable[[], T]) -> T:
        assert not self._broken, "a broken publisher is thrown away"
        self._broken = True  # until it is seen not to be
        if self._fence != self._broker.fence:
            raise TransientError("fenced")
        result = self._broker.faults.meet(effect)
        self._broken = False
        return result


@dataclass
class FakeOutboxReader(OutboxReader):
    """Reads a table of rows; `idle` is called when there is nothing to publish."""

    table: OutboxTable
    clock: FakeClock
    size: int = 3
    idle: Callable[[], None] = nothing
    faults: Faults = field(default_factory=Faults)

    async def standing(self) -> Standing:
        table = self.table
        return self.faults.meet(
            lambda: Standing(table.origin, table.started, table.rows[-1].number if table.rows else 0)
        )

    async def page(self, number: int) -> Sequence[OutboxRow]:
        found = self.faults.meet(lambda: self._from(number))
        if len(found) <= 1:
            self.idle()
            await self.clock.sleep(0.005)
        return found

    async def start(self) -> None:
        self.faults.meet(lambda: setattr(self.table, "started", True))

    async def topics(self, found: Mapping[str, str]) -> Mapping[str, str]:
        def known() -> Mapping[str, str]:
            self.table.topics = {**found, **self.table.topics}
            return {topic: self.table.topics[topic] for topic in found}

        return self.faults.meet(known)

    async def trim(self, below: int) -> None:
        def kept() -> None:
            self.table.rows[:] = [row for row in self.table.rows if row.number >= below]

        self.faults.meet(kept)

    def _from(self, number: int) -> list[OutboxRow]:
        return [row for row in self.table.rows if row.number >= number][: self.size + 1]
