"""Dead letters in memory: their topic, the input topic, the marks, and who may write."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.returning import Letter, Place
from python_app_template.core.ports.dead_letters import DeadLetters, Oversized, Returns
from tests.fakes.faults import Faults

T = TypeVar("T")


@dataclass
class FakeDeadLetters(DeadLetters):
    """The topic, and what came back out of it."""

    there: list[Letter] = field(default_factory=list)
    sent: list[Letter] = field(default_factory=list)
    """What consumers of the input topic see."""
    chunks: list[int] = field(default_factory=list)
    """How many letters each transaction had."""
    marks: set[Place] = field(default_factory=set)
    faults: Faults = field(default_factory=Faults)
    """Of transactions."""
    fence: int = 0
    page: int = 2
    read: int = 0
    """Pages that were read."""

    async def letters(self) -> AsyncGenerator[Sequence[Letter], None]:
        there = sorted(self.there, key=lambda letter: letter.place)
        for start in range(0, len(there), self.page):
            self.read += 1
            yield there[start : start + self.page]

    async def at(self, place: Place) -> Letter | None:
        return next((letter for letter in self.there if letter.place == place), None)

    async def returned(self) -> Collection[Place]:
        return frozenset(self.marks)

    def open_returns(self) -> AbstractAsyncContextManager[Returns]:
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Returns]:
        self.fence += 1
        yield FakeReturns(self)


class FakeReturns(Returns):
    def __init__(self, topic: FakeDeadLetters) -> None:
        self._topic, self._fence = topic, topic.fence

    async def returned(self) -> Collection[Place]:
        return self._unless_fenced(lambda: frozenset(self._topic.marks))

    async def put_back(self, letters: Sequence[Letter]) -> None:
        self._unless_fenced(lambda: self._topic.faults.meet(lambda: self._commit(list(letters))))

    def _commit(self, letters: list[Letter]) -> None:
        self._topic.sent += letters
        self._topic.chunks.append(len(letters))
        self._topic.marks |= {letter.place for letter in letters}

    def _unless_fenced(self, effect: Callable[[], T]) -> T:
        if self._fence != self._topic.fence:
            raise TransientError("another replay", code="FENCED")
        return effect()


@dataclass
class FakeOversized(Oversized):
    """Bytes by the place of the letter."""

    kept: dict[Place, bytes] = field(default_factory=dict)

    async def value(self, letter: Letter) -> bytes | None:
        return self.kept.get(letter.place)
