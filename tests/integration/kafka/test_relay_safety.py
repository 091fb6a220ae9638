"""What the relay's safety rests on: aborted cursors, foreign transactions, topics that are not as agreed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from uuid import uuid4

import pytest
from confluent_kafka import IsolationLevel, KafkaException

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.cursor_topic import CursorTopic, windows
from python_app_template.adapters.secondary.kafka.partitioner import partition_of
from python_app_template.adapters.secondary.kafka.publisher import open_publisher
from python_app_template.adapters.secondary.kafka.transactions import TransactionalProducer
from python_app_template.core.delivery.faults import Halted, TransientError
from python_app_template.core.delivery.messages import Frame, Partition
from python_app_template.core.delivery.relaying import Cursor, OutboxRow
from python_app_template.core.ports.publishing import OpenPublisher
from python_app_template.settings import Settings
from tests.broker import NO_DATABASE, Broker
from tests.processes import wait_until
from tests.servers import Kafka
from tests.surroundings import Topics, settings_for

pytestmark = pytest.mark.servers

CURSOR = Cursor(7, "row-7")


@pytest.fixture
def transactional_id() -> str:
    return str(uuid4())


@pytest.fixture
def opener(kafka_settings: Settings, transactional_id: str, admin: KafkaAdmin) -> OpenPublisher:
    return open_publisher(kafka_settings, transactional_id, admin)


async def publish_cursor(opener: OpenPublisher) -> None:
    async with opener() as publisher:
        await publisher.publish((), CURSOR)


async def test_any_number_of_aborted_transactions_hides_no_cursor(
    opener: OpenPublisher, topics: Topics, broker: Broker, transactional_id: str
) -> None:
    await publish_cursor(opener)
    producer = await asyncio.to_thread(broker.begin)
    for number in range(60):
        if number:
            producer.begin_transaction()
        producer.produce(topics.positions, b'{"number": 8, "row_id": "aborted"}', transactional_id, 0)
        await asyncio.to_thread(producer.flush, 10)
        await asyncio.to_thread(producer.abort_transaction, 10)
    async with opener() as publisher:
        assert await publisher.cursor() == CURSOR


async def test_cursors_of_other_outboxes_are_not_ours(
    opener: OpenPublisher, kafka_settings: Settings, admin: KafkaAdmin
) -> None:
    await publish_cursor(opener)
    async with open_publisher(kafka_settings, str(uuid4()), admin)() as other:
        assert await other.cursor() is None
        await other.publish((), Cursor(1, "theirs"))
    async with opener() as publisher:
        assert await publisher.cursor() == CURSOR


async def test_what_an_older_publisher_left_open_is_aborted(
    opener: OpenPublisher, topics: Topics, broker: Broker, transactional_id: str
) -> None:
    await publish_cursor(opener)
    zombie = await asyncio.to_thread(broker.begin, transactional_id)
    zombie.produce(topics.output, b"zombie", b"key", 0)
    zombie.produce(topics.positions, b'{"number": 8, "row_id": "zombie"}', transactional_id, 0)
    await asyncio.to_thread(zombie.flush, 10)
    async with opener() as publisher:
        assert await publisher.cursor() == CURSOR
    assert await asyncio.to_thread(broker.read, topics.output, 3) == []


async def test_what_a_producer_leaves_open_is_ended_with_it(
    kafka_settings: Settings, transactional_id: str, topics: Topics, broker: Broker
) -> None:
    """Nobody waits until its time is up; and destroyed in an open transaction, librdkafka may end the process."""
    cursors = Partition(topics.positions, 0)
    producer = TransactionalProducer(kafka_settings, transactional_id, lambda error, _: KafkaException(error))
    await asyncio.to_thread(producer.fence)
    producer.begin()
    producer.produce(Frame(topics.positions, b"key", b"value", ()), 0)
    await asyncio.to_thread(producer.flush)
    producer.close()
    ended = partial(broker.end, cursors, IsolationLevel.READ_COMMITTED)
    half = kafka_settings.kafka.transaction_timeout_ms / 2000
    await asyncio.to_thread(wait_until, lambda: ended() == broker.end(cursors) > 0, half)


async def test_a_fenced_producer_is_thrown_away_once_all_its_requests_are_answered(
    kafka_settings: Settings, transactional_id: str, topics: Topics
) -> None:
    """Else librdkafka frees memory twice, and ends the process somewhere else."""
    older, newer = (
        TransactionalProducer(kafka_settings, transactional_id, lambda error, _: KafkaException(error))
        for _ in range(2)
    )
    await asyncio.to_thread(older.fence)
    older.begin()
    for fenced in (False, True):
        for number in range(3):
            older.produce(Frame(topics.output, b"key", b"value", ()), number)
        if not fenced:
            await asyncio.to_thread(older.flush)
            await asyncio.to_thread(newer.fence)
    with pytest.raises(KafkaException, match="_FENCED"):
        await asyncio.to_thread(older.flush)
    destroyed = older._producer  # noqa: SLF001 - what close lets go of
    assert destroyed is not None
    await asyncio.to_thread(older.close)
    assert len(destroyed) == 0
    newer.close()


async def test_a_foreign_open_transaction_halts_and_is_named(
    kafka: Kafka, topics: Topics, broker: Broker, transactional_id: str
) -> None:
    settings = settings_for(kafka, NO_DATABASE, topics, kafka__transaction_timeout_ms=1000)
    foreign = await asyncio.to_thread(broker.begin)
    foreign.produce(topics.positions, b"?", b"somebody", 0)
    await asyncio.to_thread(foreign.flush, 10)
    async with open_publisher(settings, transactional_id, KafkaAdmin(settings), grace=0.2)() as publisher:
        with pytest.raises(Halted, match=r"somebody.*open since offset 0") as halted:
            await publisher.cursor()
        assert halted.value.reason == "cursor_held"
        await asyncio.to_thread(foreign.abort_transaction, 10)
        assert await publisher.cursor() is None


async def test_a_relay_of_another_outbox_that_holds_the_cursor_is_named_by_its_id(
    kafka_settings: Settings, topics: Topics, broker: Broker
) -> None:
    foreign = await asyncio.to_thread(broker.begin, "their-outbox")
    record = CursorTopic(kafka_settings, "their-outbox").record(CURSOR)
    foreign.produce(topics.positions, record.value, record.key, 0, headers=[*record.headers])
    await asyncio.to_thread(foreign.flush, 10)
    assert "their-outbox" in await CursorTopic(kafka_settings, "ours").holder(0)


async def test_a_cursor_that_is_none_halts(opener: OpenPublisher, topics: Topics, broker: Broker) -> None:
    async with opener() as publisher:
        await publisher.publish((), CURSOR)
        own = (await asyncio.to_thread(broker.read, topics.positions, 1))[0].key()
        await asyncio.to_thread(broker.produce, Partition(topics.positions, 0), b"no JSON", key=own)
        with pytest.raises(Halted) as halted:
            await publisher.cursor()
    assert halted.value.reason == "cursor_unreadable"


async def test_a_topic_that_is_missing_halts(opener: OpenPublisher, topics: Topics, broker: Broker) -> None:
    async with opener() as publisher:
        before = await publisher.topics()
        await asyncio.to_thread(broker.delete, topics.dead_letter)
        reason, found = await settled_topics(publisher.topics)
        assert reason == "topic_missing"
        await asyncio.to_thread(broker.create, topics.dead_letter, 3)
        reason, found = await settled_topics(publisher.topics)
        assert reason is None
        assert found[topics.dead_letter] != before[topics.dead_letter]


async def settled_topics(ask: Callable[[], Awaitable[Mapping[str, str]]]) -> tuple[str | None, Mapping[str, str]]:
    """Ask until two answers in a row agree: the broker's metadata follow the controller's."""
    answers: list[tuple[str | None, Mapping[str, str]]] = []
    while len(answers) < 2 or answers[-1] != answers[-2]:
        try:
            answers.append((None, await ask()))
        except Halted as e:
            answers.append((e.reason, {}))
        await asyncio.sleep(0.05)
    return answers[-1]


async def test_a_topic_with_another_number_of_partitions_halts(
    kafka: Kafka, topics: Topics, transactional_id: str, admin: KafkaAdmin
) -> None:
    settings = settings_for(kafka, NO_DATABASE, topics, kafka__output_partitions=4)
    async with open_publisher(settings, transactional_id, admin)() as publisher:
        with pytest.raises(Halted, match="4 partitions, found 3") as halted:
            await publisher.topics()
    assert halted.value.reason == "partition_count"


async def test_frames_go_to_the_partition_of_their_key_or_their_own(
    opener: OpenPublisher, topics: Topics, broker: Broker
) -> None:
    keyed = [Frame(topics.output, b"SKU-%d" % n, b"%d" % n, ()) for n in range(20)]
    bare = [Frame(topics.dead_letter, None, b"%d" % n, (), partition=n) for n in range(5)]
    async with opener() as publisher:
        await publisher.publish([OutboxRow(1, "row-1", [*keyed, *bare])], Cursor(1, "row-1"))
    events = await asyncio.to_thread(broker.read, topics.output, 3)
    assert {m.value(): m.partition() for m in events} == {f.value: partition_of(f, 3) for f in keyed}
    letters = await asyncio.to_thread(broker.read, topics.dead_letter, 3)
    assert {m.value(): m.partition() for m in letters} == {b"0": 0, b"1": 1, b"2": 2, b"3": 0, b"4": 1}


async def test_reading_the_cursor_ends_when_the_publisher_is_closed(kafka_settings: Settings) -> None:
    """Else a process that is asked to stop would wait for it, half a minute long."""
    cursors = CursorTopic(kafka_settings, "some-id")
    reading = asyncio.create_task(cursors.last(0, 5))
    await asyncio.sleep(0)
    cursors.close()
    async with asyncio.timeout(10):
        with pytest.raises(TransientError):
            await reading


async def test_a_closed_publisher_publishes_no_more(opener: OpenPublisher) -> None:
    async with opener() as publisher:
        pass
    with pytest.raises(TransientError):
        await publisher.publish((), CURSOR)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 5, [0]), (0, 10, [0]), (0, 11, [1, 0]), (3, 100, [90, 60, 3]), (7, 7, [7])],
)
def test_windows_grow_from_the_tail_to_the_start(start: int, end: int, expected: list[int]) -> None:
    assert list(windows(start, end, 10)) == expected
