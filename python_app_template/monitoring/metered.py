"""Metrics, health and the log line of a batch: what wraps a port or a use case has the shape of what it wraps."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Generic, Self, TypeVar

import structlog

from python_app_template.core.delivery.messages import Batch, DeadLetter, Partition, Span
from python_app_template.core.delivery.outcomes import Attempt, InDoubt, Outcome
from python_app_template.core.delivery.positions import Log, Position
from python_app_template.core.delivery.relaying import Cursor, OutboxRow, Standing
from python_app_template.core.ports.clock import Clock
from python_app_template.core.ports.positions import Positions
from python_app_template.core.ports.publishing import Lead, OpenPublisher, OutboxReader, Publisher, Term
from python_app_template.core.ports.unit_of_work import Repository, UnitOfWork
from python_app_template.core.use_cases.consume import Settler
from python_app_template.core.use_cases.settle_batch import Process, Settled
from python_app_template.monitoring.metrics import Metrics
from python_app_template.monitoring.watch import BROKER, COMMIT, DATABASE, RELAY, Watch

C = TypeVar("C")
E = TypeVar("E")
W = TypeVar("W")
S = TypeVar("S")

LOGGED_DEAD_LETTERS = 10
"""Of each batch; more are counted."""

log = structlog.get_logger(__name__)


class Stopwatch:
    """Seconds by stage of the batch in hand, over all attempts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = 0.0
        self.stages: dict[str, float] = {}

    def start(self) -> None:
        """Begin a batch."""
        self.stages = {}
        self._since = self._clock.monotonic()

    def lap(self, stage: str) -> None:
        """Say which stage the time since the last call was."""
        now = self._clock.monotonic()
        self.stages[stage] = self.stages.get(stage, 0.0) + now - self._since
        self._since = now


def metered_process(process: Process[C, E], watch: Watch) -> Process[C, E]:
    """Watch each attempt; a lost answer counts as one that is tried again."""

    async def process_and_watch(batch: Batch[C]) -> Attempt[E]:
        with watch.over("process_batch", DATABASE):
            attempt = await process(batch)
        if isinstance(attempt, InDoubt):
            watch.failed(COMMIT, DATABASE, attempt.fault)
        return attempt

    return process_and_watch


class MeteredUnitOfWork(UnitOfWork[E, W, S], Generic[E, W, S]):
    """Times the stages of a transaction: claim (of the positions), load, decide, commit (with what is written)."""

    def __init__(self, inner: UnitOfWork[E, W, S], stopwatch: Stopwatch) -> None:
        self._inner, self._stopwatch = inner, stopwatch

    async def __aenter__(self) -> Self:
        """Begin. Refers to nothing that refers back: a cycle would keep a batch's bytes until the next collection."""
        await self._inner.__aenter__()
        self.store = MeteredRepository(self._inner.store, self._stopwatch)
        self.outbox = self._inner.outbox
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; the time of what failed is the stage's `failed`."""
        if kind is not None:
            self._stopwatch.lap("failed")
        await self._inner.__aexit__(kind, error, trace)

    async def advance(self, spans: Sequence[Span]) -> Sequence[Position]:
        """As the port says."""
        unmoved = await self._inner.advance(spans)
        self._stopwatch.lap("claim")
        return unmoved

    async def commit(self) -> None:
        """As the port says."""
        self._stopwatch.lap("decide")
        await self._inner.commit()
        self._stopwatch.lap("commit")


class MeteredRepository(Repository[W, S], Generic[W, S]):
    """Times the loading."""

    def __init__(self, inner: Repository[W, S], stopwatch: Stopwatch) -> None:
        self._inner, self._stopwatch = inner, stopwatch

    async def load(self, wanted: W) -> S:
        """As the port says."""
        state = await self._inner.load(wanted)
        self._stopwatch.lap("load")
        return state


def metered_settle(
    settle: Settler[C, E], stopwatch: Stopwatch, watch: Watch, count_domain: Callable[[Outcome[E]], None]
) -> Settler[C, E]:
    """Count and log a batch, once, when its commit is known: settle() returns no sooner."""

    async def settle_and_count(batch: Batch[C]) -> Settled[E]:
        stopwatch.start()
        settled = await settle(batch)
        if settled.outcome.consumed:
            watch.settled(settled.outcome, stopwatch.stages)
            count_domain(settled.outcome)
        if settled.outcome.consumed or settled.lost:
            _log_batch(settled, stopwatch.stages)
        return settled

    return settle_and_count


def _log_batch(settled: Settled[E], stages: Mapping[str, float]) -> None:
    outcome = settled.outcome
    log.info(
        "batch.settled",
        messages=len(outcome.consumed),
        events=len(outcome.facts),
        duplicates=len(outcome.duplicates),
        dead_letters=len(outcome.dead_letters),
        lost=[f"{p.topic}/{p.number}" for p in sorted(settled.lost)],
        **{f"{stage}_ms": round(seconds * 1000, 1) for stage, seconds in stages.items()},
    )
    for letter in outcome.dead_letters[:LOGGED_DEAD_LETTERS]:
        _log_dead_letter(letter)


def _log_dead_letter(letter: DeadLetter) -> None:
    partition = letter.record.partition
    log.warning(
        "message.dead_lettered",
        topic=partition.topic,
        partition=partition.number,
        offset=letter.record.offset,
        reason=letter.why.reason,
        detail=letter.why.detail[:200],
    )


def _log_claimed(position: Position) -> None:
    partition = position.partition
    log.info(
        "partition.claimed",
        topic=partition.topic,
        partition=partition.number,
        next_offset=position.next_offset,
        epoch=position.epoch,
    )


class MeteredPositions(Positions):
    """Watches the calls."""

    def __init__(self, inner: Positions, watch: Watch) -> None:
        self._inner, self._watch = inner, watch

    async def claim(self, partition: Partition, log: Log) -> Position:
        """As the port says."""
        with self._watch.over("claim", DATABASE):
            claimed = await self._inner.claim(partition, log)
        _log_claimed(claimed)
        return claimed

    async def read(self, partition: Partition) -> Position | None:
        """As the port says."""
        with self._watch.over("read_position", DATABASE):
            return await self._inner.read(partition)

    async def announce(self, span: Span) -> int | None:
        """As the port says."""
        with self._watch.over("announce", DATABASE):
            return await self._inner.announce(span)

    async def release(self, partition: Partition, epoch: int) -> None:
        """As the port says."""
        with self._watch.over("release", DATABASE):
            await self._inner.release(partition, epoch)


class MeteredOutboxReader(OutboxReader):
    """Watches the calls."""

    def __init__(self, inner: OutboxReader, watch: Watch) -> None:
        self._inner, self._watch = inner, watch

    async def standing(self) -> Standing:
        """As the port says."""
        with self._watch.over("read_outbox", DATABASE):
            return await self._inner.standing()

    async def page(self, number: int) -> Sequence[OutboxRow]:
        """As the port says."""
        with self._watch.over("read_outbox", DATABASE):
            return await self._inner.page(number)

    async def start(self) -> None:
        """As the port says."""
        with self._watch.over("read_outbox", DATABASE):
            await self._inner.start()

    async def topics(self, found: Mapping[str, str]) -> Mapping[str, str]:
        """As the port says."""
        with self._watch.over("read_outbox", DATABASE):
            return await self._inner.topics(found)

    async def trim(self, below: int) -> None:
        """As the port says."""
        with self._watch.over("trim_outbox", DATABASE):
            await self._inner.trim(below)


def metered_lead(lead: Lead, watch: Watch) -> Lead:
    """Watch the way into a term."""

    @asynccontextmanager
    async def entered() -> AsyncIterator[Term]:
        async with AsyncExitStack() as life:
            with watch.over("lead", DATABASE):
                term = await life.enter_async_context(lead())
            yield term

    return entered


def metered_open(open_publisher: OpenPublisher, watch: Watch, metrics: Metrics, clock: Clock) -> OpenPublisher:
    """Watch each publisher, from its opening on."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Publisher]:
        async with AsyncExitStack() as life:
            with watch.over("open_publisher", BROKER):
                publisher = await life.enter_async_context(open_publisher())
            yield MeteredPublisher(publisher, watch, metrics, clock)

    return opened


class MeteredPublisher(Publisher):
    """Watches the calls, and counts what the broker has acknowledged."""

    def __init__(self, inner: Publisher, watch: Watch, metrics: Metrics, clock: Clock) -> None:
        self._inner, self._watch, self._metrics, self._clock = inner, watch, metrics, clock

    async def cursor(self) -> Cursor | None:
        """As the port says."""
        with self._watch.over("read_cursor", BROKER):
            return await self._inner.cursor()

    async def topics(self) -> Mapping[str, str]:
        """As the port says."""
        with self._watch.over("describe_topics", BROKER):
            return await self._inner.topics()

    async def publish(self, rows: Sequence[OutboxRow], cursor: Cursor) -> None:
        """As the port says."""
        since = self._clock.monotonic()
        with self._watch.over("publish", BROKER):
            await self._inner.publish(rows, cursor)
        self._watch.moved(RELAY)
        took = self._clock.monotonic() - since
        self._metrics.published((row.age + took, row.frames) for row in rows)
