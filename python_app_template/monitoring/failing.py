"""Where failpoints are reached: wrappers of ports, with their shape, that fail as the real thing does."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Generic, Self, TypeVar

from python_app_template.core.delivery.messages import Partition, Span
from python_app_template.core.delivery.positions import Log, Position
from python_app_template.core.delivery.relaying import Cursor, OutboxRow, Standing
from python_app_template.core.delivery.signals import Assigned, Fetched, Revoked, Signal
from python_app_template.core.ports.positions import Positions
from python_app_template.core.ports.publishing import Lead, OpenPublisher, OutboxReader, Publisher, Term
from python_app_template.core.ports.source import MessageSource
from python_app_template.core.ports.unit_of_work import BeginUnitOfWork, Repository, UnitOfWork
from python_app_template.monitoring.failpoints import Failpoints

C = TypeVar("C")
E = TypeVar("E")
W = TypeVar("W")
S = TypeVar("S")


def failing_begin(begin: BeginUnitOfWork[E, W, S], points: Failpoints) -> BeginUnitOfWork[E, W, S]:
    """Make each transaction one that fails where it is told to."""
    return (lambda: FailingUnitOfWork(begin(), points)) if points else begin


class FailingUnitOfWork(UnitOfWork[E, W, S], Generic[E, W, S]):
    """Fails between the steps of a transaction; what was begun is ended all the same."""

    def __init__(self, inner: UnitOfWork[E, W, S], points: Failpoints) -> None:
        self._inner, self._points = inner, points

    async def __aenter__(self) -> Self:
        """Begin."""
        await self._inner.__aenter__()
        self.store = FailingRepository(self._inner.store, self._points)
        self.outbox = self._inner.outbox
        try:
            await self._points.reach("worker.begun")
        except BaseException as fault:
            await self._inner.__aexit__(type(fault), fault, fault.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """As the port says."""
        await self._inner.__aexit__(kind, error, trace)

    async def advance(self, spans: Sequence[Span]) -> Sequence[Position]:
        """As the port says."""
        unmoved = await self._inner.advance(spans)
        await self._points.reach("worker.advanced")
        return unmoved

    async def commit(self) -> None:
        """As the port says."""
        await self._points.reach("worker.before_commit")
        await self._inner.commit()
        await self._points.reach("worker.committed")


class FailingRepository(Repository[W, S], Generic[W, S]):
    """Fails when all is loaded."""

    def __init__(self, inner: Repository[W, S], points: Failpoints) -> None:
        self._inner, self._points = inner, points

    async def load(self, wanted: W) -> S:
        """As the port says."""
        state = await self._inner.load(wanted)
        await self._points.reach("worker.loaded")
        return state


def failing_source(source: MessageSource[C], points: Failpoints) -> MessageSource[C]:
    """Fail where signals are received."""
    return FailingSource(source, points) if points else source


class FailingSource(MessageSource[C], Generic[C]):
    """Holds up or ends the process between a signal and what is made of it; only asking the broker raises."""

    def __init__(self, inner: MessageSource[C], points: Failpoints) -> None:
        self._inner, self._points = inner, points

    async def receive(self) -> Signal[C] | None:
        """As the port says."""
        signal = await self._inner.receive()
        match signal:
            case Assigned():
                await self._points.reach("worker.assigned")
            case Revoked():
                await self._points.reach("worker.revoked")
            case Fetched(messages) if messages:
                await self._points.reach("worker.fetched")
        return signal

    async def log(self, partition: Partition) -> Log:
        """As the port says."""
        await self._points.reach("worker.before_log")
        return await self._inner.log(partition)

    def holds(self, partition: Partition, assignment: int) -> bool:
        """As the port says."""
        return self._inner.holds(partition, assignment)

    def start(self, partition: Partition, assignment: int, offset: int) -> None:
        """As the port says."""
        self._inner.start(partition, assignment, offset)

    def stop(self, partition: Partition, assignment: int) -> None:
        """As the port says."""
        self._inner.stop(partition, assignment)

    def settled(self, spans: Sequence[Span]) -> None:
        """As the port says."""
        self._inner.settled(spans)

    def drain(self) -> None:
        """As the port says."""
        self._inner.drain()


def failing_positions(positions: Positions, points: Failpoints) -> Positions:
    """Fail around the transactions of the position rows."""
    return FailingPositions(positions, points) if points else positions


class FailingPositions(Positions):
    """Fails before a call, or after it as if its answer was lost."""

    def __init__(self, inner: Positions, points: Failpoints) -> None:
        self._inner, self._points = inner, points

    async def claim(self, partition: Partition, log: Log) -> Position:
        """As the port says."""
        await self._points.reach("worker.before_claim")
        row = await self._inner.claim(partition, log)
        await self._points.reach("worker.claimed")
        return row

    async def read(self, partition: Partition) -> Position | None:
        """As the port says."""
        return await self._inner.read(partition)

    async def announce(self, span: Span) -> int | None:
        """As the port says."""
        await self._points.reach("worker.before_announce")
        tries = await self._inner.announce(span)
        await self._points.reach("worker.announced")
        return tries

    async def release(self, partition: Partition, epoch: int) -> None:
        """As the port says."""
        await self._points.reach("worker.before_release")
        await self._inner.release(partition, epoch)
        await self._points.reach("worker.released")


def failing_outbox(outbox: OutboxReader, points: Failpoints) -> OutboxReader:
    """Fail around the relay's reads and writes of the database."""
    return FailingOutboxReader(outbox, points) if points else outbox


class FailingOutboxReader(OutboxReader):
    """Fails before a call, or after it as if its answer was lost."""

    def __init__(self, inner: OutboxReader, points: Failpoints) -> None:
        self._inner, self._points = inner, points

    async def standing(self) -> Standing:
        """As the port says."""
        return await self._inner.standing()

    async def page(self, number: int) -> Sequence[OutboxRow]:
        """As the port says."""
        page = await self._inner.page(number)
        if len(page) > 1:  # the first row is the cursor's own
            await self._points.reach("relay.page_read")
        return page

    async def start(self) -> None:
        """As the port says."""
        await self._points.reach("relay.before_started")
        await self._inner.start()

    async def topics(self, found: Mapping[str, str]) -> Mapping[str, str]:
        """As the port says."""
        known = await self._inner.topics(found)
        await self._points.reach("relay.recognised")
        return known

    async def trim(self, below: int) -> None:
        """As the port says."""
        await self._points.reach("relay.before_trim")
        await self._inner.trim(below)
        await self._points.reach("relay.trimmed")


class FailingTerm(Term):
    """Fails once the right is won after all."""

    def __init__(self, inner: Term, points: Failpoints) -> None:
        self._inner, self._points = inner, points

    async def queue(self) -> bool:
        """As the port says."""
        won = await self._inner.queue()
        if won:
            await self._points.reach("relay.led")
        return won

    async def holds(self) -> bool:
        """As the port says."""
        return await self._inner.holds()


def failing_lead(lead: Lead, points: Failpoints) -> Lead:
    """Fail once the right is won; who waits for it is left alone."""
    if not points:
        return lead

    @asynccontextmanager
    async def entered() -> AsyncIterator[Term]:
        async with lead() as term:
            if await term.holds():
                await points.reach("relay.led")
            yield FailingTerm(term, points)

    return entered


def failing_open(open_publisher: OpenPublisher, points: Failpoints) -> OpenPublisher:
    """Fail once older publishers are fenced, and after the cursor is read; the rest is reached inside the publisher."""
    if not points:
        return open_publisher

    @asynccontextmanager
    async def opened() -> AsyncIterator[Publisher]:
        async with open_publisher() as publisher:
            await points.reach("relay.fenced")
            yield FailingPublisher(publisher, points)

    return opened


class FailingPublisher(Publisher):
    """Fails after the cursor is read."""

    def __init__(self, inner: Publisher, points: Failpoints) -> None:
        self._inner, self._points = inner, points

    async def cursor(self) -> Cursor | None:
        """As the port says."""
        cursor = await self._inner.cursor()
        await self._points.reach("relay.cursor_read")
        return cursor

    async def topics(self) -> Mapping[str, str]:
        """As the port says."""
        return await self._inner.topics()

    async def publish(self, rows: Sequence[OutboxRow], cursor: Cursor) -> None:
        """As the port says."""
        await self._inner.publish(rows, cursor)
