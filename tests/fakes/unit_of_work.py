"""A unit of work in memory: rolling back, row locks and rows that don't move are real."""

import asyncio
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from types import TracebackType
from typing import Generic, Self, TypeVar

from python_app_template.core.delivery.faults import MessageError, SlowError
from python_app_template.core.delivery.messages import DeadLetter, Fact, Frame, Partition, Span
from python_app_template.core.delivery.positions import Position
from python_app_template.core.ports.unit_of_work import Outbox, Repository, UnitOfWork
from tests.fakes.database import Database

E = TypeVar("E")
W = TypeVar("W")
S = TypeVar("S")


class FakeRepository(Repository[W, S], Generic[E, W, S]):
    """Hands out a copy of the whole state, locked until the transaction ends."""

    def __init__(self, uow: "FakeUnitOfWork[E, W, S]") -> None:
        self._uow = uow
        self.wanted: W | None = None

    async def load(self, wanted: W) -> S:
        assert self.wanted is None, "load() is called once per transaction"
        assert self._uow.advanced, "advance() comes first"
        self.wanted = wanted
        return await self._uow.loaded()


class FakeOutbox(Outbox[E], Generic[E, S]):
    def __init__(self, database: Database[E, S]) -> None:
        self._database = database
        self.facts: list[Fact[E]] = []
        self.dead_letters: list[DeadLetter] = []
        self.frames: list[Frame] = []

    def put(self, facts: Sequence[Fact[E]], dead_letters: Sequence[DeadLetter]) -> None:
        self.facts += facts
        self.dead_letters += dead_letters
        if self._database.encode is not None:
            self.frames += self._database.encode(facts)


class FakeUnitOfWork(UnitOfWork[E, W, S], Generic[E, W, S]):
    """One transaction on a Database."""

    def __init__(self, database: Database[E, S]) -> None:
        self._database = database
        self._outbox = FakeOutbox[E, S](database)
        self._moved: dict[Partition, Position] = {}
        self._held: list[asyncio.Lock] = []
        self._state: S | None = None
        self.advanced = False
        self.store = FakeRepository[E, W, S](self)
        self.outbox = self._outbox

    async def __aenter__(self) -> Self:
        self._database.begin()
        await asyncio.sleep(0)
        self._database.faults.meet(lambda: None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._held:
            self._held.pop().release()

    async def advance(self, spans: Sequence[Span]) -> Sequence[Position]:
        assert not self.advanced, "advance() is called once, and first"
        self.advanced = True
        for span in sorted(spans, key=lambda s: s.partition):
            await self._hold(self._database.lock(span.partition))
        return self._database.faults.meet(lambda: [row for s in spans if (row := self._unmoved(s)) is not None])

    async def loaded(self) -> S:
        await self._hold(self._database.lock(None))
        self._state = self._database.faults.meet(lambda: deepcopy(self._database.state))
        return self._state

    async def commit(self) -> None:
        await asyncio.sleep(0)
        facts, dead_letters = self._outbox.facts, self._outbox.dead_letters
        if self._database.deadly(facts, dead_letters):
            raise SystemExit("killed by a message")
        if self._database.poison(facts, dead_letters):
            raise MessageError("22003: value out of range")
        if self._database.heavy(facts, dead_letters):
            raise SlowError("canceling statement due to statement timeout", code="57014")
        self._database.faults.meet(self._take_effect, commit=True)

    def _unmoved(self, span: Span) -> Position | None:
        row = self._database.rows.get(span.partition)
        if row is None:
            return Position(span.partition, "", "", 0, 0)
        if (row.epoch, row.next_offset) != (span.epoch, span.start):
            return row
        claims = 0 if span.end > span.start else row.claims
        passed = row.suspect_end is not None and span.end >= row.suspect_end
        end = None if passed else row.suspect_end
        self._moved[span.partition] = replace(row, next_offset=span.end, claims=claims, suspect_end=end)
        return None

    def _take_effect(self) -> None:
        self._database.commits += 1
        self._database.rows |= self._moved
        if self._state is not None:
            self._database.state = self._state
        self._database.facts += self._outbox.facts
        self._database.dead_letters += self._outbox.dead_letters
        if self._outbox.frames:
            self._database.outbox.append(self._outbox.frames)

    async def _hold(self, lock: asyncio.Lock) -> None:
        await lock.acquire()
        self._held.append(lock)
