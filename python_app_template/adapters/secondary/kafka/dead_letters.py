"""The dead-letter topic read, and the way back: messages and their marks in one Kafka transaction."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any

from confluent_kafka import KafkaError, Message

from python_app_template.adapters import dead_letters
from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.kafka_errors import fault
from python_app_template.adapters.secondary.kafka.errors import REFUSALS
from python_app_template.adapters.secondary.kafka.partitioner import partition_of
from python_app_template.adapters.secondary.kafka.reading import bounds, logs, pages
from python_app_template.adapters.secondary.kafka.return_marks import ReturnMarks
from python_app_template.adapters.secondary.kafka.transactions import Reach, TransactionalProducer
from python_app_template.core.delivery.faults import FatalError, TransientError
from python_app_template.core.delivery.messages import Frame, Partition, Record
from python_app_template.core.delivery.returning import Letter, Place
from python_app_template.core.ports.dead_letters import DeadLetters, OpenReturns, Returns
from python_app_template.settings import Settings

FENCED = "FENCED"
FENCES = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})  # noqa: SLF001
"""How librdkafka says that another producer of the same id was opened."""

FORGOTTEN = 1000
"""Marks that are deleted in one transaction, at the most."""


class KafkaDeadLetters(DeadLetters):
    """The topic that the settings name."""

    def __init__(self, settings: Settings, admin: KafkaAdmin) -> None:
        self._settings, self._admin, self._topic = settings, admin, settings.kafka.dead_letter_topic

    async def letters(self) -> AsyncGenerator[Sequence[Letter], None]:
        """As the port says."""
        for partition, log in (await logs(self._admin, self._topic)).items():
            async with aclosing(pages(self._settings, partition, log.start, log.stable_end)) as found:
                async for page in found:
                    yield [dead_letters.read(received(message)) for message in page]

    async def at(self, place: Place) -> Letter | None:
        """As the port says."""
        partition = Partition(self._topic, place.partition)
        log = (await logs(self._admin, self._topic)).get(partition)
        if log is None or not log.start <= place.offset < log.stable_end:
            return None
        async with aclosing(pages(self._settings, partition, place.offset, place.offset + 1)) as found:
            async for page in found:
                return dead_letters.read(received(page[0]))
        return None

    async def returned(self) -> Collection[Place]:
        """As the port says."""
        marks = ReturnMarks(self._settings, (await self._admin.topic(self._topic)).id)
        log = await bounds(self._admin, marks.partition)
        return places(await marks.read(log, log.stable_end))


def open_returns(settings: Settings, admin: KafkaAdmin, *, reach: Reach = lambda _point: None) -> OpenReturns:
    """Return what opens a way back; each one fences those before it on the same dead-letter topic."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Returns]:
        marks = ReturnMarks(settings, (await admin.topic(settings.kafka.dead_letter_topic)).id)
        with ThreadPoolExecutor(1) as thread:  # leaving waits for a chunk that is under way
            returns = KafkaReturns(settings, admin, marks, thread, reach)
            try:
                await returns.fence()
                yield returns
            finally:
                thread.submit(returns.close)

    def entering() -> AbstractAsyncContextManager[Returns]:
        return opened()

    return entering


class KafkaReturns(Returns):
    """One transactional producer, whose id is made from the dead-letter topic's."""

    def __init__(
        self, settings: Settings, admin: KafkaAdmin, marks: ReturnMarks, thread: ThreadPoolExecutor, reach: Reach
    ) -> None:
        self._admin, self._marks, self._thread, self._reach = admin, marks, thread, reach
        self._input, self._topic = settings.kafka.input_topic, settings.kafka.dead_letter_topic
        self._producer = TransactionalProducer(settings, marks.transactional_id, _fault)
        self._forgettable: list[Place] = []

    async def fence(self) -> None:
        """Shut older ones out, and have what they left open ended."""
        await self._on_thread(self._producer.fence)

    async def returned(self) -> Collection[Place]:
        """As the port says: up to the end that the log has now, past transactions that are open in it."""
        log = await bounds(self._admin, self._marks.partition)
        marks = await self._marks.read(log, log.end)
        starts = {partition.number: log.start for partition, log in (await logs(self._admin, self._topic)).items()}
        self._forgettable = [
            first for first, marked in marks.items() if marked[-1].offset < starts.get(first.partition, 0)
        ]
        return places(marks)

    async def put_back(self, letters: Sequence[Letter]) -> None:
        """As the port says."""
        topics = await self._admin.topics([self._input, self._topic])
        source, target = topics[self._topic], topics[self._input]
        if target is None:
            raise TransientError(f"Kafka: there is no topic {self._input}", code="UNKNOWN_TOPIC_OR_PART")
        if source is None or source.id != self._marks.topic_id:
            raise TransientError(f"Kafka: {self._topic} was deleted or made anew meanwhile", code="UNKNOWN_TOPIC_ID")
        await self._on_thread(self._put_back, letters, target.partitions)

    def close(self) -> None:
        """Throw the producer away."""
        self._producer.close()

    def _put_back(self, letters: Sequence[Letter], partitions: int) -> None:
        with self._producer.refusals("a transaction"):
            self._producer.begin()
            for letter in letters:
                frame = dead_letters.unbury(letter, self._input, self._topic)
                self._producer.produce(frame, partition_of(frame, partitions))
            # Open on the positions topic it holds up a relay that starts, so that comes last.
            self._producer.flush()
            self._reach("replay.messages_produced")
            for mark in self._mark(letters):
                self._producer.produce(mark, self._marks.partition.number)
            self._reach("replay.marks_produced")
            self._producer.commit()
            self._reach("replay.committed")

    def _mark(self, letters: Sequence[Letter]) -> Sequence[Frame]:
        gone, self._forgettable = self._forgettable[:FORGOTTEN], self._forgettable[FORGOTTEN:]
        return [*self._marks.records(letter.place for letter in letters), *map(self._marks.tombstone, gone)]

    async def _on_thread(self, call: Any, *arguments: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)


def places(marks: Mapping[Place, Sequence[Place]]) -> Collection[Place]:
    """Return all letters that are marked."""
    return frozenset(place for marked in marks.values() for place in marked)


def received(message: Message) -> Record:
    """Take a record out of librdkafka's hands; without headers, if they can not be had: it is foreign then."""
    partition, offset = Partition(message.topic() or "", message.partition() or 0), message.offset() or 0
    try:
        headers: Any = message.headers() or ()
    except UnicodeDecodeError:
        headers = ()
    return Record(partition, offset, message.timestamp()[1], message.key(), message.value(), tuple(headers))


def _fault(error: KafkaError, subject: str) -> TransientError | FatalError:
    if error.code() in FENCES:
        return TransientError("Kafka: another replay was started, and has taken over", code=FENCED)
    if refusal := REFUSALS.get(error.code()):
        return TransientError(f"Kafka refuses {subject}: {error.str()}; {refusal.remedy}", code=error.name())
    return fault(error)
