"""What every source of messages promises: nothing unasked, in order, from where it was told, and when it ends."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.primary.kafka.source import KafkaSource
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.messages import Message, Partition, Record
from python_app_template.core.delivery.positions import Log
from python_app_template.core.delivery.signals import Assigned, Fetched, Quiet, Signal, Unreadable
from python_app_template.core.ports.source import MessageSource
from tests.broker import NO_DATABASE, Broker
from tests.fakes.clock import FakeClock
from tests.fakes.source import FakeLog, FakeSource
from tests.servers import Kafka
from tests.surroundings import Topics, settings_for


def decode(record: Record) -> Message[bytes]:
    return Message(record, "test", record.value or b"")


class Topic(ABC):
    """A topic of three partitions, and a source that reads it alone."""

    source: MessageSource[bytes]
    name: str

    @property
    def partitions(self) -> list[Partition]:
        return [Partition(self.name, number) for number in range(3)]

    @abstractmethod
    async def produce(self, partition: Partition, *values: bytes) -> None: ...

    @abstractmethod
    async def produce_in_transaction(self, partition: Partition, *values: bytes) -> None:
        """Let a marker follow, that takes an offset."""

    @abstractmethod
    async def truncate(self, partition: Partition, before: int) -> None: ...


class TopicInMemory(Topic):
    def __init__(self) -> None:
        self.name = "raw-push"
        self._logs: dict[Partition, FakeLog[bytes]] = {p: FakeLog([], 0) for p in self.partitions}
        source = FakeSource(self._logs, FakeClock())
        source.assign(*self.partitions)
        self.source = source

    async def produce(self, partition: Partition, *values: bytes) -> None:
        log = self._logs[partition]
        for value in values:
            log.messages.append(decode(Record(partition, log.end, 0, None, value)))
            log.end += 1

    async def produce_in_transaction(self, partition: Partition, *values: bytes) -> None:
        await self.produce(partition, *values)
        self._logs[partition].end += 1

    async def truncate(self, partition: Partition, before: int) -> None:
        self._logs[partition].start = before


class TopicOfKafka(Topic):
    def __init__(self, broker: Broker, source: KafkaSource[bytes], name: str) -> None:
        self._broker, self.source, self.name = broker, source, name

    async def produce(self, partition: Partition, *values: bytes) -> None:
        await asyncio.to_thread(self._broker.produce, partition, *values)

    async def produce_in_transaction(self, partition: Partition, *values: bytes) -> None:
        await asyncio.to_thread(self._broker.produce_in_transaction, partition, *values)

    async def truncate(self, partition: Partition, before: int) -> None:
        await asyncio.to_thread(self._broker.truncate, partition, before)


@dataclass
class Seen:
    """What a source has signalled so far."""

    assignment: int = 0
    values: dict[Partition, list[bytes]] = field(default_factory=dict)
    offsets: dict[Partition, list[int]] = field(default_factory=dict)
    ends: dict[Partition, int] = field(default_factory=dict)
    unreadable: list[Unreadable] = field(default_factory=list)
    quiet: int = 0

    def take(self, signal: Signal[bytes] | None) -> None:
        match signal:
            case Assigned(_, assignment):
                self.assignment = assignment
            case Fetched():
                self._take_messages(signal)
            case Unreadable():
                self.unreadable.append(signal)
            case Quiet():
                self.quiet += 1

    def _take_messages(self, fetched: Fetched[bytes]) -> None:
        for message in fetched.messages:
            partition, content = message.record.partition, message.content
            assert isinstance(content, bytes)
            self.values.setdefault(partition, []).append(content)
            self.offsets.setdefault(partition, []).append(message.record.offset)
        self.ends |= fetched.ends


class Reading:
    """Receives until something is there."""

    def __init__(self, source: MessageSource[bytes]) -> None:
        self.source, self.seen = source, Seen()

    async def until(self, there: Callable[[Seen], object]) -> Seen:
        deadline = time.monotonic() + 20
        while not there(self.seen):
            assert time.monotonic() < deadline, self.seen
            self.seen.take(await self.source.receive())
        return self.seen

    async def quietly(self, times: int = 2) -> Seen:
        """Receive until nothing came for a while."""
        goal = self.seen.quiet + times
        return await self.until(lambda seen: seen.quiet >= goal)

    async def start(self, partition: Partition, offset: int) -> None:
        """Start a partition once it is assigned."""
        seen = await self.until(lambda seen: seen.assignment)
        self.source.start(partition, seen.assignment, offset)


async def described(source: MessageSource[bytes], partition: Partition) -> Log:
    """Ask until there is an answer: a topic just made has no leader at first."""
    while True:
        with suppress(TransientError):
            return await source.log(partition)


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.servers)])
def where(request: pytest.FixtureRequest) -> tuple[Kafka, Topics] | None:
    """The broker and its topics; None: in memory."""
    if request.param == "memory":
        return None
    return request.getfixturevalue("kafka"), request.getfixturevalue("topics")


@pytest.fixture
async def topic(where: tuple[Kafka, Topics] | None) -> AsyncIterator[Topic]:
    if where is None:
        yield TopicInMemory()
        return
    kafka, topics = where
    settings = settings_for(kafka, NO_DATABASE, topics)
    async with KafkaSource(settings, decode, KafkaAdmin(settings)) as source:
        yield TopicOfKafka(Broker(kafka.bootstrap_servers), source, topics.input)


@pytest.fixture
def reading(topic: Topic) -> Reading:
    return Reading(topic.source)


async def test_nothing_is_delivered_before_a_start(topic: Topic, reading: Reading) -> None:
    for partition in topic.partitions:
        await topic.produce(partition, b"early")
    await reading.until(lambda seen: seen.assignment)
    assert not (await reading.quietly()).values


async def test_messages_come_in_order_from_where_it_was_started(topic: Topic, reading: Reading) -> None:
    p = topic.partitions[0]
    await topic.produce(p, *[b"%d" % n for n in range(10)])
    await reading.start(p, 3)
    seen = await reading.until(lambda seen: len(seen.values.get(p, ())) >= 7)
    assert seen.values == {p: [b"3", b"4", b"5", b"6", b"7", b"8", b"9"]}
    assert seen.offsets == {p: [3, 4, 5, 6, 7, 8, 9]}


async def test_a_message_without_a_value_is_one(topic: Topic, reading: Reading) -> None:
    p = topic.partitions[0]
    await topic.produce(p, b"", b"1", b"")
    await reading.start(p, 0)
    await reading.until(lambda seen: p in seen.ends)
    await topic.produce(p, b"")  # the first that comes is taken from a poll, the others are not
    assert (await reading.until(lambda seen: len(seen.values.get(p, ())) == 4)).values == {p: [b"", b"1", b"", b""]}


async def test_what_is_produced_later_comes_too(topic: Topic, reading: Reading) -> None:
    p = topic.partitions[1]
    await reading.start(p, 0)
    await reading.quietly()
    await topic.produce(p, b"later")
    assert (await reading.until(lambda seen: seen.values)).values == {p: [b"later"]}


async def test_another_start_reads_again(topic: Topic, reading: Reading) -> None:
    p = topic.partitions[0]
    await topic.produce(p, b"0", b"1", b"2")
    await reading.start(p, 0)
    await reading.until(lambda seen: len(seen.values.get(p, ())) >= 3)
    await reading.start(p, 1)
    assert (await reading.until(lambda seen: len(seen.values[p]) >= 5)).values[p] == [b"0", b"1", b"2", b"1", b"2"]


async def test_what_was_fetched_before_another_start_is_dropped(topic: Topic, reading: Reading) -> None:
    p = topic.partitions[0]
    await topic.produce(p, b"0", b"1", b"2")
    await reading.start(p, 0)
    await asyncio.sleep(1)  # a batch waits to be received
    await reading.start(p, 1)
    await reading.until(lambda seen: seen.values)
    assert reading.seen.values == {p: [b"1", b"2"]}
    await asyncio.sleep(1)  # now the end does
    reading.seen.ends.clear()
    await reading.start(p, 0)
    await reading.until(lambda seen: len(seen.values[p]) > 2 or seen.ends)
    assert reading.seen.values == {p: [b"1", b"2", b"0", b"1", b"2"]}, "an end from before came first"


async def test_what_was_fetched_before_a_stop_is_dropped(topic: Topic, reading: Reading) -> None:
    p = topic.partitions[0]
    await topic.produce(p, b"0")
    await reading.start(p, 0)
    await asyncio.sleep(1)
    topic.source.stop(p, reading.seen.assignment)
    assert not (await reading.quietly()).values


async def test_an_end_is_told_and_markers_count(topic: Topic, reading: Reading) -> None:
    p, q, _ = topic.partitions
    await topic.produce_in_transaction(p, b"0", b"1")
    await topic.produce_in_transaction(p, b"3")
    for partition in (p, q):
        await reading.start(partition, 0)
    seen = await reading.until(lambda seen: {p, q} <= seen.ends.keys())
    assert seen.ends == {p: 5, q: 0}
    assert seen.offsets == {p: [0, 1, 3]}


async def test_a_stopped_partition_is_silent_until_it_is_started_again(topic: Topic, reading: Reading) -> None:
    p, q, _ = topic.partitions
    for partition in (p, q):
        await reading.start(partition, 0)
    await reading.until(lambda seen: {p, q} <= seen.ends.keys())
    topic.source.stop(p, reading.seen.assignment)
    await reading.quietly(1)
    for partition in (p, q):
        await topic.produce(partition, b"0", b"1")
    await reading.until(lambda seen: len(seen.values.get(q, ())) == 2)
    assert p not in (await reading.quietly()).values
    await reading.start(p, 1)
    assert (await reading.until(lambda seen: p in seen.values)).values[p] == [b"1"]


async def test_orders_under_an_older_number_are_ignored(topic: Topic, reading: Reading) -> None:
    p, q, _ = topic.partitions
    seen = await reading.until(lambda seen: seen.assignment)
    assert topic.source.holds(p, seen.assignment)
    assert not topic.source.holds(p, seen.assignment - 1)
    topic.source.start(p, seen.assignment - 1, 0)
    await reading.start(q, 0)
    topic.source.stop(q, seen.assignment - 1)
    for partition in (p, q):
        await topic.produce(partition, b"0")
    await reading.until(lambda seen: q in seen.values)
    assert p not in (await reading.quietly()).values


@pytest.mark.parametrize("offset", [1, 9])
async def test_an_offset_outside_of_the_log_is_unreadable(topic: Topic, reading: Reading, offset: int) -> None:
    p = topic.partitions[0]
    await topic.produce(p, *[b"%d" % n for n in range(5)])
    await topic.truncate(p, 3)
    await reading.start(p, offset)
    (unreadable,) = (await reading.until(lambda seen: seen.unreadable)).unreadable
    assert unreadable == Unreadable(p, await described(topic.source, p))
    assert (unreadable.log.start, unreadable.log.end) == (3, 5)
    await reading.start(p, 4)
    assert (await reading.until(lambda seen: seen.values)).values == {p: [b"4"]}


async def test_a_log_is_described(topic: Topic) -> None:
    p, q, _ = topic.partitions
    await topic.produce_in_transaction(p, b"0", b"1", b"2")
    await topic.truncate(p, 2)
    log, empty = await described(topic.source, p), await described(topic.source, q)
    assert (log.start, log.end, empty.start, empty.end) == (2, 4, 0, 0)
    assert log.topic_id == empty.topic_id


async def test_drained_it_says_so_for_ever(topic: Topic, reading: Reading) -> None:
    p = topic.partitions[0]
    await reading.start(p, 0)
    await topic.produce(p, b"0")
    topic.source.drain()
    while await topic.source.receive() is not None:
        pass
    assert await topic.source.receive() is None
    assert topic.source.holds(p, reading.seen.assignment)
