"""Messages from a Kafka topic: the poll thread's events as the core's signals, one batch waiting at most."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from types import TracebackType
from typing import Any, Generic, Self, TypeAlias, TypeVar

import structlog

from python_app_template.adapters import kafka_client
from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.primary.kafka.delivery import Delivery
from python_app_template.adapters.primary.kafka.fetching import Stuck
from python_app_template.adapters.primary.kafka.gathering import Bounds, Decode
from python_app_template.adapters.primary.kafka.lag import Lag
from python_app_template.adapters.primary.kafka.lanes import NO_RUN, Run
from python_app_template.adapters.primary.kafka.poll_thread import Event, NewConsumer, PollThread, new_consumer
from python_app_template.adapters.primary.kafka.waits import USUAL, Waits
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.messages import Partition, Span
from python_app_template.core.delivery.positions import Log
from python_app_template.core.delivery.signals import Assigned, Fetched, Identified, Quiet, Revoked, Signal, Unreadable
from python_app_template.core.ports.source import MessageSource
from python_app_template.settings import Settings

C = TypeVar("C")

log = structlog.get_logger(__name__)

QUIET_SECONDS = 0.2
MISSING_LOOKS = 3
"""Looks in a row at which a topic has to be missing: a broker that has just started may not know it yet."""

Waiting: TypeAlias = Delivery[C] | Assigned | Revoked | Unreadable | Identified | Exception | None


class KafkaSource(MessageSource[C], Generic[C]):
    """A member of the group from open() to close(). `decode` is called on the poll thread."""

    def __init__(
        self,
        settings: Settings,
        decode: Decode[C],
        admin: KafkaAdmin,
        *,
        waits: Waits = USUAL,
        new_consumer: NewConsumer = new_consumer,
    ) -> None:
        self._topic, self._admin, self._waits = settings.kafka.input_topic, admin, waits
        limits = settings.consumer
        bounds = Bounds(limits.batch_size, limits.batch_bytes, limits.batch_weight)
        self._patience = settings.kafka.session_timeout_ms / 1000 + waits.find
        properties = kafka_client.consumer(settings)
        self._thread = PollThread(properties, self._topic, decode, bounds, self._tell, new_consumer, waits.room)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._events: deque[Waiting[C]] = deque()
        self._arrived = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ids: dict[Partition, str] = {}
        self._runs: dict[Partition, Run] = {}
        """Of each partition the first run that is still wanted: what comes until an order is carried out is old."""
        self._run_numbers = count(1)
        self._draining, self._missing = False, 0
        self.rounds = 0
        """How often the worker has asked for something."""

    async def open(self) -> None:
        """Join the group."""
        self._loop = asyncio.get_running_loop()
        self._thread.begin()
        self._spawn(self._watch())

    async def close(self) -> None:
        """Tell the broker what is settled, leave the group; after a few seconds without an answer, let it be."""
        for task in self._tasks:
            task.cancel()
        if not await asyncio.to_thread(self._thread.close, self._waits.leave):
            text = "the member did not leave the group within %s s: its partitions wait for the session's timeout"
            kafka_client.LOGGER.log(logging.WARNING, text, self._waits.leave)
        self._loop = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def receive(self) -> Signal[C] | None:
        """See the port."""
        self.rounds += 1
        while await self._something_waits():
            event = self._next()
            if not isinstance(event, Delivery):
                return event
            if event.begins and event.fetched.messages:
                self._thread.make_room()
            if (fetched := self._wanted(event)) is not None:
                return fetched
        return Quiet()

    async def log(self, partition: Partition) -> Log:
        """See the port."""
        log = await self._admin.log(partition)
        self._ids[partition] = log.topic_id
        return log

    def holds(self, partition: Partition, assignment: int) -> bool:
        """See the port."""
        return self._thread.lanes.held(partition, assignment) is not None

    def start(self, partition: Partition, assignment: int, offset: int) -> None:
        """See the port."""
        self._thread.start(partition, self._next_run(partition, assignment), offset)

    def stop(self, partition: Partition, assignment: int) -> None:
        """See the port."""
        self._next_run(partition, assignment)  # which does not begin
        self._thread.stop(partition, assignment)

    def settled(self, spans: Sequence[Span]) -> None:
        """See the port."""
        self._thread.settle({span.partition: span.end for span in spans})

    def drain(self) -> None:
        """See the port. A batch that waits is dropped: nothing of it was decided."""
        self._thread.drain()
        self._draining = True
        self._events = deque(e for e in self._events if not isinstance(e, Delivery))
        if not self._events:
            self._arrived.clear()

    def renew(self) -> None:
        """Read through another consumer: what is held is lost first, then assigned anew."""
        self._thread.renew()

    @property
    def turned_at(self) -> float:
        """When the poll thread last began a turn, in monotonic seconds."""
        return self._thread.turned_at

    @property
    def trouble(self) -> str | None:
        """What keeps us out of the group or from the topic, as far as is known; None: nothing."""
        if self._missing >= MISSING_LOOKS:
            return f"there is no topic {self._topic}"
        return self._thread.troubles.current

    @property
    def assigned(self) -> frozenset[Partition]:
        """The partitions that are ours at this moment."""
        return frozenset(lane.partition for lane in self._thread.lanes)

    def lags(self) -> Mapping[Partition, Lag]:
        """What is not yet consumed of each assigned partition that was started."""
        now = time.time()
        found = {lane.partition: lane.progress.lag(now) for lane in self._thread.lanes}
        return {partition: lag for partition, lag in found.items() if lag is not None}

    def _tell(self, event: Event[C]) -> None:
        """Hand over, on the poll thread; once the loop is gone nobody is there to be told."""
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._take, event)

    async def _something_waits(self) -> bool:
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                await self._arrived.wait()
        except TimeoutError:
            return False
        return True

    def _next(self) -> Delivery[C] | Assigned | Revoked | Unreadable | Identified | None:
        event = self._events[0]
        if isinstance(event, Exception):
            raise event
        if event is not None:  # the end stays the end
            self._events.popleft()
        if isinstance(event, Delivery):
            event = self._completed(event)
        if not self._events:
            self._arrived.clear()
        return event

    def _completed(self, delivery: Delivery[C]) -> Delivery[C]:
        """Take with it what has come since, as one batch."""
        more: list[Delivery[C]] = []
        while self._events and isinstance(later := self._events[0], Delivery) and later.continues(delivery):
            more.append(later)
            self._events.popleft()
        return delivery.followed_by(more) if more else delivery

    def _next_run(self, partition: Partition, assignment: int) -> Run:
        """Number a run, and want nothing from before it; one of an older assignment changes nothing."""
        run = Run(assignment, next(self._run_numbers))
        self._runs[partition] = max(run, self._runs.get(partition, run))
        return run

    def _wanted(self, delivery: Delivery[C]) -> Fetched[C] | None:
        """Return what is left without that of earlier runs; None: nothing."""
        fetched = delivery.fetched
        old = {p for p, run in self._runs.items() if delivery.runs.get(p, NO_RUN) < run}
        if old:
            messages = [m for m in fetched.messages if m.record.partition not in old]
            ends = {p: end for p, end in fetched.ends.items() if p not in old}
            fetched = replace(fetched, messages=messages, ends=ends, resumed=fetched.resumed - old)
        return fetched if fetched.messages or fetched.ends or fetched.resumed else None

    def _take(self, event: Event[C] | Waiting[C]) -> None:
        if isinstance(event, Stuck):
            self._spawn(self._examine(event))
        elif not (self._draining and isinstance(event, Delivery)):
            if isinstance(event, Revoked):
                self._ids = {p: topic_id for p, topic_id in self._ids.items() if p not in event.partitions}
                log.info("partitions.revoked", topic=self._topic, partitions=_numbers(event))
            if isinstance(event, Assigned):
                log.info("partitions.assigned", topic=self._topic, partitions=_numbers(event))
            self._events.append(event)
            self._arrived.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._take(fault if isinstance(fault, Exception) else RuntimeError(repr(fault)))

    async def _examine(self, stuck: Stuck) -> None:
        """Ask what the log holds, until there is an answer or the partition is no longer ours."""
        while self.holds(*stuck):
            try:
                log = await self.log(stuck.partition)
            except TransientError:
                await asyncio.sleep(QUIET_SECONDS)
            else:
                self._take(Unreadable(stuck.partition, log))
                return

    async def _watch(self) -> None:
        """Look again and again at what librdkafka does not tell."""
        while True:
            with suppress(TransientError):
                await self._look_at_topic()
                self._look_at_membership()
                await self._look_at_ends()
            await asyncio.sleep(self._waits.look)

    async def _look_at_topic(self) -> None:
        """Signal an id that a partition was not claimed with, that there is no such topic, or that it is back."""
        found = (await self._admin.topics([self._topic]))[self._topic]
        was_missing, self._missing = self._missing, self._missing + 1 if found is None else 0
        if self._missing == MISSING_LOOKS:
            self._take(Identified(self._topic, None))
        elif found is not None and (self._is_another(found.id) or was_missing):
            self._take(Identified(self._topic, found.id))

    def _look_at_membership(self) -> None:
        """Where another client has just had an answer and the consumer still looks for its group: take a new one.

        By then the broker counts it out. librdkafka may drop the last broker that it knows (its issue 5301), and never
        looks again.
        """
        missed = self._thread.membership.missed_for(time.monotonic())
        if missed > self._patience:
            text = "the consumer has not found its group for %.0f s though the broker answers: another is made"
            kafka_client.LOGGER.log(logging.WARNING, text, missed)
            self.renew()

    async def _look_at_ends(self) -> None:
        """Ask where the logs end: of a partition that is paused or halted librdkafka learns no more."""
        for lane in list(self._thread.lanes):
            bounds = await self._admin.bounds(lane.partition)
            lane.progress.end = max(lane.progress.end, bounds.stable_end)

    def _is_another(self, topic_id: str) -> bool:
        return any(self._ids.setdefault(partition, topic_id) != topic_id for partition in self.assigned)


def _numbers(change: Assigned | Revoked) -> list[int]:
    return sorted(partition.number for partition in change.partitions)
