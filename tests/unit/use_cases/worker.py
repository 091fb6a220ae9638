"""The worker's machinery put together on the fakes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from python_app_template.core.delivery.breaker import Breaker
from python_app_template.core.delivery.faults import Halted
from python_app_template.core.delivery.messages import Batch, Message, Partition, Refused
from python_app_template.core.delivery.outcomes import Decision, Outcome
from python_app_template.core.delivery.partitions import Partitions
from python_app_template.core.ports.unit_of_work import BeginUnitOfWork
from python_app_template.core.use_cases.consume import Consume
from python_app_template.core.use_cases.process_batch import Decide, ProcessBatch, Want
from python_app_template.core.use_cases.settle_batch import SettleBatch, Settled
from python_app_template.monitoring.failing import failing_begin, failing_positions, failing_source
from python_app_template.monitoring.failpoints import Failpoints
from tests.builders import GROUP, record
from tests.fakes.database import Database
from tests.fakes.positions import FakePositions
from tests.fakes.source import FakeLog, FakeSource
from tests.fakes.unit_of_work import FakeUnitOfWork

C = TypeVar("C")
E = TypeVar("E")
W = TypeVar("W")
S = TypeVar("S")

Place = tuple[Partition, int]
Journal = list[Place]
"""A domain of its own: each command is its record's place, and all that it does is to be written down."""


async def no_wait() -> None:
    """Let everything in at once."""


@dataclass
class Worker(Generic[C, E, W, S]):
    """One process: when it dies, make another one on the same database."""

    database: Database[E, S]
    source: FakeSource[C]
    want: Want[C, W]
    decide: Decide[C, S, E]
    breaker: Breaker = field(default_factory=lambda: Breaker(in_a_row=1000, share=1.0, window=10_000))
    admit: Callable[[], object] | None = None
    reports: list[tuple[str, Halted | None]] = field(default_factory=list)
    seen: Outcome[E] = field(default_factory=Outcome)
    group: str = GROUP
    failpoints: Failpoints = field(default_factory=lambda: Failpoints({}, 0))
    drains: list[Callable[[], None]] = field(default_factory=list)
    """What asks it to stop, once it runs."""

    async def run(self) -> None:
        """Consume until the source is drained."""
        clock = self.source.clock
        begin: BeginUnitOfWork[E, W, S] = failing_begin(self.begin, self.failpoints)
        process = ProcessBatch(begin, self.want, self.decide, clock)
        settle = SettleBatch(process, clock.pause, self.breaker)

        async def settle_and_see(batch: Batch[C]) -> Settled[E]:
            settled = await settle(batch)
            self.seen.add(settled.outcome)
            return settled

        positions = failing_positions(FakePositions(self.database, self.group), self.failpoints)
        partitions, source = Partitions[C](self.group), failing_source(self.source, self.failpoints)
        consume = Consume(source, positions, settle_and_see, partitions, no_wait, clock.pause, clock, self.report)
        self.drains = [consume.drain, self.source.drain]
        await consume()

    def begin(self) -> FakeUnitOfWork[E, W, S]:
        return FakeUnitOfWork(self.database)

    def drain(self) -> None:
        """Ask it to stop, in the middle of whatever it does."""
        for drain in self.drains:
            drain()

    def report(self, part: str, why: Halted | None) -> None:
        self.reports.append((part, why))

    def halted(self) -> dict[str, str]:
        """The parts that stand still, and the reason of each."""
        last = dict(self.reports)
        return {part: why.reason for part, why in last.items() if why is not None}


def place(offset: int, partition: Partition) -> Message[Place]:
    return Message(record(offset, partition), "test", (partition, offset))


def journal_log(partition: Partition, *offsets: int, end: int | None = None, start: int = 0) -> FakeLog[Place]:
    last = offsets[-1] + 1 if offsets else start
    return FakeLog([place(o, partition) for o in offsets], last if end is None else end, start)


def want(places: Sequence[Place]) -> frozenset[Place]:
    return frozenset(places)


def decide(command: Place, journal: Journal) -> Decision[Place]:
    journal.append(command)
    return [command]


def journal(
    database: Database[Place, Journal], source: FakeSource[Place]
) -> Worker[Place, Place, frozenset[Place], Journal]:
    return Worker(database, source, want, decide)


def refused(message: Message[C], reason: str = "undecodable") -> Message[C]:
    return Message(message.record, message.type, Refused(reason, "no"))
