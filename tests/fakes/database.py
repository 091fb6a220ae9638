"""A database in memory: what is committed, who holds which lock, and what is to go wrong."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from python_app_template.core.delivery.messages import DeadLetter, Fact, Frame, Partition
from python_app_template.core.delivery.positions import Position
from python_app_template.core.delivery.relaying import Cursor, OutboxRow
from tests.fakes.faults import Faults

E = TypeVar("E")
S = TypeVar("S")

Seen = Callable[[Sequence[Fact[E]], Sequence[DeadLetter]], bool]
"""Whether a commit with these facts and dead letters is one that goes wrong."""


def never(_facts: Sequence[Fact[E]], _dead_letters: Sequence[DeadLetter]) -> bool:
    return False


@dataclass
class OutboxTable:
    """Rows with dense numbers in the order of their commits; row 0 has no frames."""

    rows: list[OutboxRow] = field(default_factory=lambda: [OutboxRow(0, "id-0", ())])
    started: bool = False
    topics: dict[str, str] = field(default_factory=dict)
    origin: Cursor = field(default_factory=lambda: Cursor(0, "id-0"))
    last: int = 0
    """The last number given."""

    def append(self, frames: Sequence[Frame]) -> None:
        self.last += 1
        self.rows.append(OutboxRow(self.last, f"id-{self.last}", tuple(frames)))


@dataclass
class Database(Generic[E, S]):
    """One database; `state` is all that the domain keeps in it."""

    state: S
    rows: dict[Partition, Position] = field(default_factory=dict)
    trying: dict[Partition, tuple[int, int]] = field(default_factory=dict)
    """The offset that was announced last, and how often."""
    facts: list[Fact[E]] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    outbox: OutboxTable = field(default_factory=OutboxTable)
    moves: list[tuple[str, int | None, str]] = field(default_factory=list)
    """What operators moved: topic, partition and reason."""
    passed: list[int] = field(default_factory=list)
    """Numbers of the rows that moves of the cursor went over."""
    encode: Callable[[Sequence[Fact[E]]], Iterable[Frame]] | None = None
    """Given one, each commit's facts become a row of the outbox."""
    transactions: int = 0
    commits: int = 0
    locks: dict[Partition | None, asyncio.Lock] = field(default_factory=dict)
    """Of the position rows; None: of the domain's state."""

    faults: Faults = field(default_factory=Faults)
    poison: Seen[E] = never
    """Commits that are refused (MessageError)."""
    heavy: Seen[E] = never
    """Commits that take too long (SlowError)."""
    deadly: Seen[E] = never
    """Commits that end the process."""
    steals: dict[int, Partition] = field(default_factory=dict)
    """Another process claims this partition before the nth transaction begins."""

    def lock(self, what: Partition | None) -> asyncio.Lock:
        return self.locks.setdefault(what, asyncio.Lock())

    def begin(self) -> None:
        """Count a transaction, and let others come before it."""
        self.transactions += 1
        partition = self.steals.pop(self.transactions, None)
        if partition in self.rows and not self.lock(partition).locked():
            self.steal(partition)

    def steal(self, partition: Partition) -> None:
        """Raise the epoch, as another process's claim does."""
        row = self.rows[partition]
        self.rows[partition] = replace(row, epoch=row.epoch + 1, claims=row.claims + 1)

    def set_position(self, partition: Partition, next_offset: int, *, group: str, topic_id: str) -> None:
        """Do what `positions set` does: move the row and raise the epoch in one go."""
        epoch = self.rows[partition].epoch + 1 if partition in self.rows else 1
        self.rows[partition] = Position(partition, group, topic_id, epoch, next_offset)
