"""The source against a broker: groups, pauses, topics made anew, and what a member tells the broker."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.primary.kafka.source import KafkaSource
from python_app_template.adapters.primary.kafka.waits import USUAL
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.messages import Message, Partition, Record, Span
from python_app_template.core.delivery.signals import Assigned, Fetched, Identified, Revoked, Signal
from python_app_template.settings import Settings
from tests.broker import NO_DATABASE, Broker
from tests.servers import Kafka
from tests.surroundings import Topics, settings_for

pytestmark = pytest.mark.servers


def decode(record: Record) -> Message[bytes]:
    return Message(record, "test", record.value or b"")


@dataclass
class Member:
    """A source, and what it has signalled."""

    source: KafkaSource[bytes]
    owned: dict[Partition, int] = field(default_factory=dict)
    signals: list[Signal[bytes]] = field(default_factory=list)

    async def until(self, there: Callable[["Member"], object], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not there(self):
            assert time.monotonic() < deadline, self.signals[-5:]
            await self.receive()

    async def receive(self) -> Signal[bytes] | None:
        signal = await self.source.receive()
        match signal:
            case Assigned(partitions, assignment):
                self.owned |= dict.fromkeys(partitions, assignment)
            case Revoked(partitions):
                self.owned = {p: a for p, a in self.owned.items() if p not in partitions}
        if signal is not None:
            self.signals.append(signal)
        return signal

    async def start(self, offset: int = 0) -> None:
        """Start everything that is assigned."""
        await self.until(lambda member: member.owned)
        for partition, assignment in self.owned.items():
            self.source.start(partition, assignment, offset)

    @property
    def identified(self) -> list[Identified]:
        return [s for s in self.signals if isinstance(s, Identified)]

    @property
    def fetched(self) -> list[Fetched[bytes]]:
        return [s for s in self.signals if isinstance(s, Fetched)]

    @property
    def messages(self) -> list[Message[bytes]]:
        return [m for fetched in self.fetched for m in fetched.messages]

    def offsets(self, partition: Partition) -> list[int]:
        return [m.record.offset for m in self.messages if m.record.partition == partition]


@asynccontextmanager
async def member(settings: Settings) -> AsyncIterator[Member]:
    async with KafkaSource(settings, decode, KafkaAdmin(settings)) as source:
        yield Member(source)


@pytest.fixture
def p(topics: Topics) -> Partition:
    return Partition(topics.input, 0)


@pytest.fixture(params=["classic", "consumer"])
def group_settings(request: pytest.FixtureRequest, kafka: Kafka, topics: Topics) -> Settings:
    """Settings for either protocol of groups."""
    classic = settings_for(kafka, NO_DATABASE, topics)
    either = classic.kafka.model_copy(update={"group_protocol": request.param})
    return classic.model_copy(update={"kafka": either})


async def test_a_second_member_takes_a_share_and_gives_it_back(group_settings: Settings) -> None:
    async with member(group_settings) as first:
        await first.until(lambda m: len(m.owned) == 3)
        async with member(group_settings) as second:
            await asyncio.wait_for(both_own(first, second), 30)
            assert not first.owned.keys() & second.owned.keys()
            assert first.source.assigned == first.owned.keys()
        await first.until(lambda m: len(m.owned) == 3, 30)
        assert len(set(first.owned.values())) == 2, "what came back has a number of its own"


async def test_a_partition_that_comes_back_is_silent_until_it_is_started(
    group_settings: Settings, broker: Broker
) -> None:
    async with member(group_settings) as first:
        await first.start()
        async with member(group_settings) as second:
            await asyncio.wait_for(both_own(first, second), 30)
            taken = next(iter(second.owned))
        await first.until(lambda m: taken in m.owned, 30)
        before = len(first.offsets(taken))
        await asyncio.to_thread(broker.produce, taken, b"0", b"1")
        for _ in range(3):
            await first.receive()
        assert len(first.offsets(taken)) == before
        first.source.start(taken, first.owned[taken], 1)
        await first.until(lambda m: m.offsets(taken) == [1])


async def both_own(first: Member, second: Member) -> None:
    while not (second.owned and first.owned and len(second.owned) + len(first.owned) == 3):
        await asyncio.gather(first.receive(), second.receive())


async def test_nobody_receives_and_the_membership_lives_on(kafka: Kafka, topics: Topics, broker: Broker) -> None:
    settings = settings_for(
        kafka,
        NO_DATABASE,
        topics,
        kafka__session_timeout_ms=3000,
        kafka__max_poll_interval_ms=3000,
        consumer__batch_size=10,
    )
    partition = Partition(topics.input, 0)
    async with member(settings) as reader:
        await reader.start()
        await reader.until(lambda m: m.fetched)
        await asyncio.to_thread(broker.produce, partition, *[b"%d" % n for n in range(100)])
        turned_at = reader.source.turned_at
        await asyncio.sleep(4.5)  # longer than the broker and librdkafka wait for a member that does not poll
        assert reader.source.turned_at > turned_at + 1
        await reader.until(lambda m: len(m.offsets(partition)) == 100)
        assert reader.offsets(partition) == list(range(100))
        assert not [s for s in reader.signals if isinstance(s, Revoked)]
        assert any(partition in fetched.resumed for fetched in reader.fetched)


async def test_a_short_wait_throws_nothing_away(kafka: Kafka, topics: Topics, broker: Broker) -> None:
    settings = settings_for(kafka, NO_DATABASE, topics, consumer__batch_size=5)
    partition = Partition(topics.input, 0)
    await asyncio.to_thread(broker.produce, partition, *[b"%d" % n for n in range(50)])
    async with member(settings) as reader:
        await reader.start()
        while len(reader.offsets(partition)) < 50:
            await reader.receive()
            await asyncio.sleep(USUAL.room / 20)
        assert not any(fetched.resumed for fetched in reader.fetched)


async def test_a_batch_is_bounded_by_number_and_weight_and_bytes(kafka: Kafka, topics: Topics, broker: Broker) -> None:
    settings = settings_for(
        kafka, NO_DATABASE, topics, consumer__batch_size=7, consumer__batch_bytes=2000, consumer__batch_weight=100
    )
    partition = Partition(topics.input, 0)
    values = [b"1"] * 20 + [b"60"] * 4 + [b"1" * 900] * 6 + [b"1" * 5000] * 2
    await asyncio.to_thread(broker.produce, partition, *values)

    def weigh(record: Record) -> Message[bytes]:
        value = record.value or b""
        return Message(record, "test", value, weight=60 if value == b"60" else 1)

    async with KafkaSource(settings, weigh, KafkaAdmin(settings)) as source:
        reader = Member(source)
        await reader.start()
        await reader.until(lambda m: len(m.messages) == len(values))
    assert reader.offsets(partition) == list(range(len(values)))
    for fetched in reader.fetched:
        assert len(fetched.messages) <= 7
        if len(fetched.messages) > 1:
            assert sum(m.weight for m in fetched.messages) <= 100
            assert sum(len(m.record.value or b"") for m in fetched.messages) <= 2000


async def test_a_topic_made_anew_is_signalled_or_assigned_anew(
    group_settings: Settings, broker: Broker, topics: Topics, p: Partition
) -> None:
    """With `classic` librdkafka goes on at the old offset; with KIP-848 the partitions are another's, then ours."""
    async with member(group_settings) as reader:
        await reader.until(lambda m: m.owned)
        before = await settled_id(reader, p)
        await reader.start()
        await reader.until(lambda m: m.fetched)
        await asyncio.to_thread(broker.delete, topics.input)
        await asyncio.to_thread(broker.create_when_gone, topics.input, 3)
        await reader.until(lambda m: m.identified or m.owned.get(p, 1) > 1)
        after = await settled_id(reader, p)
        assert before != after
        assert all(signal == Identified(topics.input, after) for signal in reader.identified)


async def settled_id(reader: Member, partition: Partition) -> str:
    """Ask until there is an answer: a topic made anew has no leader at first."""
    while True:
        with suppress(TransientError):
            return (await reader.source.log(partition)).topic_id


async def test_what_is_settled_is_told_to_the_broker(kafka_settings: Settings, broker: Broker, p: Partition) -> None:
    group = kafka_settings.kafka.group_id
    await asyncio.to_thread(broker.produce, p, *[b"%d" % n for n in range(10)])
    async with member(kafka_settings) as reader:
        await reader.start(2)
        await reader.until(lambda m: len(m.offsets(p)) == 8)
        await asyncio.to_thread(broker.await_committed, group, p, 2)
        assert reader.source.lags()[p].messages == 8
        reader.source.settled([Span(p, 1, 2, 7)])
        await asyncio.to_thread(broker.await_committed, group, p, 7)
        assert reader.source.lags()[p].messages == 3
        reader.source.settled([Span(p, 1, 7, 10)])
    assert await asyncio.to_thread(broker.committed, group, p) == 10


async def test_the_lag_is_nothing_once_the_end_is_reached(
    kafka_settings: Settings, broker: Broker, p: Partition
) -> None:
    await asyncio.to_thread(broker.produce_in_transaction, p, b"0", b"1")
    async with member(kafka_settings) as reader:
        assert reader.source.lags() == {}
        await reader.start()
        await reader.until(lambda m: len(m.offsets(p)) == 2 and any(p in f.ends for f in m.fetched))
        lag = reader.source.lags()[p]
        assert lag.messages >= 2
        assert 0 < lag.seconds < 30
        reader.source.settled([Span(p, 1, 0, 2)])
        await reader.until(lambda m: m.source.lags()[p] == (0, 0.0))


async def test_a_drained_member_is_one_until_it_is_closed(kafka_settings: Settings) -> None:
    async with member(kafka_settings) as reader:
        await reader.start()
        reader.source.drain()
        while await reader.receive() is not None:
            pass
        assert len(reader.source.assigned) == 3
        async with member(kafka_settings) as second:
            await second.until(lambda m: m.owned)  # rebalances are still served


async def test_a_member_that_was_held_up_loses_its_partitions_and_comes_back(
    kafka: Kafka, topics: Topics, broker: Broker, p: Partition
) -> None:
    settings = settings_for(
        kafka, NO_DATABASE, topics, kafka__session_timeout_ms=2000, kafka__max_poll_interval_ms=2000
    )

    def dawdle(record: Record) -> Message[bytes]:
        if record.offset == 0 and len(seen) < 1:
            seen.append(record)
            time.sleep(3)
        return decode(record)

    seen: list[Record] = []
    await asyncio.to_thread(broker.produce, p, b"0", b"1")
    async with KafkaSource(settings, dawdle, KafkaAdmin(settings)) as source:
        reader = Member(source)
        await reader.start()
        await reader.until(lambda m: any(isinstance(s, Revoked) for s in m.signals))
        await reader.until(lambda m: p in m.owned)
        before = len(reader.messages)
        source.start(p, reader.owned[p], 1)
        await reader.until(lambda m: len(m.messages) > before)
        assert reader.offsets(p)[before:] == [1]


async def test_a_member_that_is_renewed_loses_what_it_held_and_reads_on_where_it_is_started(
    group_settings: Settings, broker: Broker, p: Partition
) -> None:
    async with member(group_settings) as reader:
        await asyncio.to_thread(broker.produce, p, b"0", b"1", b"2")
        await reader.start()
        await reader.until(lambda m: len(m.offsets(p)) == 3)
        held = frozenset(reader.owned)
        reader.source.renew()
        await asyncio.to_thread(broker.produce, p, b"3", b"4")
        await reader.until(lambda m: p in m.owned and m.owned[p] > 1)
        gone = [signal.partitions for signal in reader.signals if isinstance(signal, Revoked)]
        assert frozenset().union(*gone) == held
        await reader.until(lambda m: len(m.owned) == 3)
        before = len(reader.messages)
        reader.source.start(p, reader.owned[p], 2)
        await reader.until(lambda m: len(m.messages) == before + 3)
        assert reader.offsets(p)[before:] == [2, 3, 4]
