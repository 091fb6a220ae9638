"""Partitioned logs in memory and a source that reads them, with the oddities of the real one on demand."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Generic, TypeVar

from python_app_template.core.delivery.messages import Message, Partition, Span
from python_app_template.core.delivery.positions import Log
from python_app_template.core.delivery.signals import Assigned, Fetched, Quiet, Revoked, Signal, Unreadable
from python_app_template.core.ports.source import MessageSource
from tests.fakes.clock import FakeClock
from tests.fakes.faults import Faults

C = TypeVar("C")


class Quirk(Enum):
    """What the first fetch after a start or a pause may bring, that isn't so."""

    GAP = auto()
    """The next message is left out."""
    OLD = auto()
    """It reads from the log's beginning."""
    END = auto()
    """It says that the end was reached."""


@dataclass
class FakeLog(Generic[C]):
    """A partition at the broker: messages in the order of their offsets, which may have gaps."""

    messages: list[Message[C]]
    end: int
    start: int = 0
    topic_id: str = "topic-id"

    def after(self, offset: int) -> list[Message[C]]:
        return [m for m in self.messages if m.record.offset >= max(offset, self.start)]


@dataclass
class FakeSource(MessageSource[C], Generic[C]):
    """One member of the group. Drained when it has been quiet for `patience` calls in a row."""

    logs: dict[Partition, FakeLog[C]]
    clock: FakeClock
    size: int = 4
    patience: int = 20
    signals: deque[Signal[C]] = field(default_factory=deque)
    starts: list[tuple[Partition, int]] = field(default_factory=list)
    told: list[Span] = field(default_factory=list)
    """What the broker was told to be consumed."""
    quirks: dict[int, Quirk] = field(default_factory=dict)
    """By the number of the start, counted from 1. A start that repeats the last one is always honest."""
    pauses: set[int] = field(default_factory=set)
    """Numbers of fetches that come after a pause, and leave out a message of each partition."""
    before: Callable[[int], None] = lambda _number: None
    """Called before the nth signal is received, counted from 1: what happens meanwhile."""
    faults: Faults = field(default_factory=Faults)
    _assigned: dict[Partition, int] = field(default_factory=dict)
    _at: dict[Partition, int] = field(default_factory=dict)
    _ended: dict[Partition, int] = field(default_factory=dict)
    _lying: dict[Partition, Quirk] = field(default_factory=dict)
    _caught: set[Partition] = field(default_factory=set)
    """Those that have lied: their next start and what follows it are honest."""
    _honest: set[Partition] = field(default_factory=set)
    _assignments: int = 0
    _fetches: int = 0
    _received: int = 0
    _quiet: int = 0
    _draining: bool = False

    def assign(self, *partitions: Partition) -> None:
        self._assignments += 1
        self._assigned |= dict.fromkeys(partitions, self._assignments)
        self.signals.append(Assigned(frozenset(partitions), self._assignments))

    def revoke(self, *partitions: Partition) -> None:
        for partition in partitions:
            self._assigned.pop(partition, None)
            self._at.pop(partition, None)
        self.signals.append(Revoked(frozenset(partitions)))

    async def receive(self) -> Signal[C] | None:
        self._received += 1
        self.before(self._received)
        await asyncio.sleep(0)
        if self._draining:
            return None
        if self.signals:
            return self.signals.popleft()
        signal = self._unreadable() or self._fetch()
        if signal is not None:
            self._quiet = 0
            return signal
        self.clock.time += 0.2
        self._quiet += 1
        return Quiet() if self._quiet < self.patience else None

    async def log(self, partition: Partition) -> Log:
        log = self.logs[partition]
        return self.faults.meet(lambda: Log(log.topic_id, log.start, log.end))

    def holds(self, partition: Partition, assignment: int) -> bool:
        return self._assigned.get(partition) == assignment

    def start(self, partition: Partition, assignment: int, offset: int) -> None:
        if not self.holds(partition, assignment):
            return
        again = self.starts and self.starts[-1] == (partition, offset)
        self.starts.append((partition, offset))
        quirk = self.quirks.pop(len(self.starts), None)
        self._lying.pop(partition, None)
        self._at[partition] = offset
        self._ended.pop(partition, None)
        if again or partition in self._caught:
            self._honest.add(partition)
        elif quirk is not None:
            self._lying[partition] = quirk
        self._caught.discard(partition)

    def stop(self, partition: Partition, assignment: int) -> None:
        if self.holds(partition, assignment):
            self._at.pop(partition, None)

    def settled(self, spans: Sequence[Span]) -> None:
        self.told += spans

    def drain(self) -> None:
        self._draining = True

    def _unreadable(self) -> Signal[C] | None:
        for partition, at in self._at.items():
            log = self.logs[partition]
            if not log.start <= at <= log.end:
                del self._at[partition]
                return Unreadable(partition, Log(log.topic_id, log.start, log.end))
        return None

    def _fetch(self) -> Signal[C] | None:
        self._fetches += 1
        paused = self._fetches in self.pauses
        messages: list[Message[C]] = []
        ends: dict[Partition, int] = {}
        for partition in list(self._at):
            found = self._read(partition, paused=paused)
            messages += found
            if self._at_end(partition, found):
                ends[partition] = self._ended[partition] = self.logs[partition].end
        if not messages and not ends:
            return None
        return Fetched(messages, ends, frozenset(self._at) if paused else frozenset())

    def _read(self, partition: Partition, *, paused: bool) -> list[Message[C]]:
        """What comes next: the truth, or once what a quirk makes of it."""
        log, quirk = self.logs[partition], self._lying.pop(partition, Quirk.GAP if paused else None)
        if partition in self._honest:
            quirk = None
            self._honest.discard(partition)
        if quirk is not None:
            self._caught.add(partition)
        if quirk is Quirk.END:
            self._at[partition] = log.end
        if quirk is Quirk.OLD:
            self._at[partition] = log.start
        found = log.after(self._at[partition])
        skip = quirk is Quirk.GAP and len(found) > 1
        found = found[skip : self.size + skip]
        if found:
            self._at[partition] = found[-1].record.offset + 1
        return found

    def _at_end(self, partition: Partition, found: Sequence[Message[C]]) -> bool:
        log, at = self.logs[partition], self._at[partition]
        return not log.after(at) and len(found) < self.size and self._ended.get(partition) != log.end
