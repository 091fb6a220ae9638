"""Outbox rows as records, a page and its cursor in one Kafka transaction."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from typing import TypeAlias

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from python_app_template.adapters import kafka_client
from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.cursor_topic import CursorTopic
from python_app_template.adapters.secondary.kafka.errors import REFUSALS, relay_fault, rights_needed
from python_app_template.adapters.secondary.kafka.partitioner import partition_of
from python_app_template.adapters.secondary.kafka.topics import recognised, written_counts
from python_app_template.core.delivery.faults import Halted, TransientError
from python_app_template.core.delivery.messages import Frame
from python_app_template.core.delivery.relaying import Cursor, OutboxRow
from python_app_template.core.ports.publishing import OpenPublisher, Publisher
from python_app_template.settings import Settings

Reach: TypeAlias = Callable[[str], None]
"""Told of each point where a test may want to end the process."""

SLICE_SECONDS = 0.5
"""librdkafka's calls that block are made in such slices, so that closing never waits long."""

GRACE_SECONDS = 10.0
"""What the broker is given beyond a transaction's time."""


def open_publisher(
    settings: Settings,
    transactional_id: str,
    admin: KafkaAdmin,
    *,
    reach: Reach = lambda _point: None,
    grace: float = GRACE_SECONDS,
) -> OpenPublisher:
    """Return what opens a publisher under this id, the outbox's own; each one fences those before it."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Publisher]:
        publisher = KafkaPublisher(settings, transactional_id, admin, reach=reach, grace=grace)
        try:
            await publisher.fence()
            yield publisher
        finally:
            publisher.close()

    def entering() -> AbstractAsyncContextManager[Publisher]:
        return opened()

    return entering


class KafkaPublisher(Publisher):
    """One transactional producer. Whatever goes wrong, it is thrown away: nothing is aborted and carried on."""

    def __init__(
        self, settings: Settings, transactional_id: str, admin: KafkaAdmin, *, reach: Reach, grace: float
    ) -> None:
        self._admin, self._reach = admin, reach
        self._counts = written_counts(settings)
        self._cursors = CursorTopic(settings, transactional_id)
        self._patience = settings.kafka.transaction_timeout_ms / 1000 + grace
        self._undelivered: list[tuple[KafkaError, Message]] = []
        # A callback that held the publisher would keep the producer alive, and its transaction open.
        report = partial(_note, self._undelivered)
        properties = kafka_client.producer(settings, transactional_id) | {"on_delivery": report}
        with self._refusals(f"producer {transactional_id}"):
            self._producer: Producer | None = Producer(properties, logger=kafka_client.LOGGER)

    async def fence(self) -> None:
        """Shut older producers of this id out, and have what they left open ended."""
        await asyncio.to_thread(self._fence)

    async def cursor(self) -> Cursor | None:
        """See the port."""
        deadline = time.monotonic() + self._patience
        with rights_needed(f"read {self._cursors.partition.topic}"):
            while (bounds := await self._admin.bounds(self._cursors.partition)).stable_end < bounds.end:
                if time.monotonic() > deadline:
                    raise await self._held(bounds.stable_end)
                await asyncio.sleep(0.1)
            return await self._cursors.last(bounds.start, bounds.end)

    async def topics(self) -> Mapping[str, str]:
        """See the port."""
        with rights_needed(f"describe {', '.join(self._counts)}"):
            return recognised(await self._admin.topics(self._counts), self._counts)

    async def publish(self, rows: Sequence[OutboxRow], cursor: Cursor) -> None:
        """See the port."""
        frames = [frame for row in rows for frame in row.frames]
        await asyncio.to_thread(self._publish, frames, cursor)

    def close(self) -> None:
        """Throw the producer away, with what it has in hand; waits for nothing."""
        self._producer = None
        self._cursors.close()

    def _fence(self) -> None:
        with self._refusals("init_transactions"):
            self._in_slices(self._alive().init_transactions)

    def _publish(self, frames: Sequence[Frame], cursor: Cursor) -> None:
        with self._refusals("a transaction"):
            self._alive().begin_transaction()
            self._reach("relay.begun")
            for frame in frames:
                self._produce(frame)
            self._reach("relay.frames_produced")
            self._produce(self._cursors.record(cursor))
            self._reach("relay.cursor_produced")
            self._in_slices(self._alive().commit_transaction)
            self._reach("relay.committed")

    def _produce(self, frame: Frame) -> None:
        number = partition_of(frame, self._counts[frame.topic])
        headers: list[tuple[str, str | bytes | None]] = list(frame.headers)
        deadline = time.monotonic() + self._patience
        while True:
            try:
                self._alive().produce(frame.topic, frame.value, frame.key, number, headers=headers)
            except BufferError:
                if time.monotonic() > deadline:
                    raise TransientError("Kafka: the producer's queue stays full", code="QUEUE_FULL") from None
                self._alive().poll(0.05)
            else:
                return

    def _in_slices(self, call: Callable[[float], None]) -> None:
        """Repeat a call that librdkafka lets be repeated when its time is up, until ours is."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                call(SLICE_SECONDS)
            except KafkaException as e:
                error = e.args[0]
                if error.txn_requires_abort() or not error.retriable() or time.monotonic() > deadline:
                    raise
                self._alive().poll(0)
            else:
                return

    def _alive(self) -> Producer:
        if self._producer is None:
            raise TransientError("Kafka: the publisher was closed", code="CLOSED")
        return self._producer

    @contextmanager
    def _refusals(self, subject: str) -> Iterator[None]:
        """Raise what the tables say, of the frame that was refused if there is one."""
        try:
            yield
        except KafkaException as e:
            raise relay_fault(*self._culprit(e.args[0], subject)) from e

    def _culprit(self, error: KafkaError, subject: str) -> tuple[KafkaError, str]:
        """Return the error of a record that was not delivered, the largest of those refused, else what there is."""
        if error.code() == KafkaError._STATE and self._producer:  # noqa: SLF001 - its name
            self._producer.poll(SLICE_SECONDS)  # an earlier record was refused, and its report is on the way
        refused = [(e, m) for e, m in self._undelivered if e.code() in REFUSALS]
        if not refused:
            return (self._undelivered[0][0], subject) if self._undelivered else (error, subject)
        why, message = max(refused, key=lambda report: len(report[1]))
        size = len(message) + len(message.key() or b"")
        return why, f"a record for {message.topic()} with key {message.key()!r} ({size} bytes)"

    async def _held(self, stable_end: int) -> Halted:
        topic = self._cursors.partition.topic
        holder = await self._cursors.holder(stable_end)
        remedy = (
            f"find and end it: `kafka-transactions.sh describe-producers --topic {topic} --partition 0`, "
            f"then `abort --topic {topic} --partition 0 --start-offset {stable_end}`"
        )
        return Halted("relay", "cursor_held", expected=f"{topic} to be nobody else's", found=holder, remedy=remedy)


def _note(undelivered: list[tuple[KafkaError, Message]], error: KafkaError | None, message: Message) -> None:
    if error is not None:
        undelivered.append((error, message))
