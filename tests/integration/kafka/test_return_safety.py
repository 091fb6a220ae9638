"""What returning dead letters once rests on: the marks, the fence, and a relay that is not disturbed."""

import asyncio
import subprocess
import sys
from collections import Counter
from contextlib import aclosing, suppress

import pytest

from python_app_template.adapters import dead_letters
from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.dead_letters import KafkaDeadLetters, open_returns
from python_app_template.adapters.secondary.kafka.publisher import open_publisher
from python_app_template.adapters.secondary.kafka.return_marks import ReturnMarks
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.messages import DeadLetter, Partition, Record, Refused
from python_app_template.core.delivery.relaying import Cursor
from python_app_template.core.delivery.returning import Fate, Letter, Place, Selection
from python_app_template.core.use_cases.replay_dead_letters import Bounds, ReplayDeadLetters
from python_app_template.settings import Settings
from python_app_template.settings.failpoints import PLACES
from tests.broker import Broker
from tests.fakes.dead_letters import FakeOversized
from tests.processes import ROOT, environment, wait_until
from tests.surroundings import Topics

pytestmark = pytest.mark.servers

CURSOR = Cursor(7, "row-7")


def bury(broker: Broker, topics: Topics, count: int) -> None:
    """Write dead letters, of keys that spread over the partitions."""
    producer = broker.begin()
    for number in range(count):
        record = Record(Partition(topics.input, 0), number, 5, b"key-%d" % number, b"%d" % number)
        frame = dead_letters.bury(DeadLetter(record, Refused("failed", "detail")), topics.dead_letter, "service/1")
        producer.produce(topics.dead_letter, frame.value, frame.key, number % 3, headers=[*frame.headers])
    producer.commit_transaction(10)


async def visible(broker: Broker, topics: Topics) -> list[int]:
    """The numbers of the messages that consumers see."""
    found = await asyncio.to_thread(broker.read, topics.input, 3)
    return sorted(int(message.value() or b"") for message in found)


async def replay(settings: Settings, chunk: int = 10) -> Counter[Fate]:
    """Replay all, and count what became of them."""
    fates: Counter[Fate] = Counter()

    def tell(_letter: Letter, fate: Fate) -> None:
        fates[fate] += 1

    admin = KafkaAdmin(settings)
    letters, opener = KafkaDeadLetters(settings, admin), open_returns(settings, admin)
    await ReplayDeadLetters(letters, opener, FakeOversized(), Bounds(settings.kafka.input_topic, chunk=chunk), tell)(
        Selection()
    )
    return fates


def process(settings: Settings, points: str) -> "subprocess.Popen[bytes]":
    arguments = [sys.executable, "-m", "tests.integration.kafka.replayer"]
    surroundings = environment(settings) | {"APP_FAILPOINTS__POINTS": points}
    return subprocess.Popen(arguments, cwd=ROOT, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("point", [name for name in PLACES if name.startswith("replay.")])
async def test_killed_at_any_moment_and_repeated_nothing_is_doubled(
    kafka_settings: Settings, topics: Topics, broker: Broker, point: str
) -> None:
    await asyncio.to_thread(bury, broker, topics, 30)
    with process(kafka_settings, f"{point}=1*off->1*crash") as killed:
        out, _ = killed.communicate(timeout=60)
    assert killed.returncode == -9
    assert out.count(b"sent") == 10, "the first chunk was committed, and then told"
    fates = await replay(kafka_settings)
    before = 20 if point == "replay.committed" else 10
    assert fates == {Fate.RETURNED: before, Fate.SENT: 30 - before}
    assert await visible(broker, topics) == [*range(30)]
    assert await replay(kafka_settings) == {Fate.RETURNED: 30}


async def test_two_at_once_double_nothing(kafka_settings: Settings, topics: Topics, broker: Broker) -> None:
    await asyncio.to_thread(bury, broker, topics, 150)

    async def until_done() -> None:
        """Replay again and again, as people who compete, until nothing is left."""
        for _ in range(100):
            with suppress(TransientError):
                await replay(kafka_settings, chunk=5)
                return
        raise AssertionError("never done")

    async with asyncio.timeout(100):
        await asyncio.gather(until_done(), until_done(), until_done())
    assert await visible(broker, topics) == [*range(150)]


async def test_marks_are_read_past_a_transaction_that_is_open(
    kafka_settings: Settings, topics: Topics, broker: Broker, admin: KafkaAdmin
) -> None:
    """A relay's, begun before they were written: whoever reads what is committed sees them only once it has ended."""
    await asyncio.to_thread(bury, broker, topics, 3)
    async with open_returns(kafka_settings, admin)() as returns:
        assert not await returns.returned()
        other = await asyncio.to_thread(broker.begin)
        other.produce(topics.positions, b"?", b"somebody", 0)
        await asyncio.to_thread(other.flush, 10)
        async with aclosing(KafkaDeadLetters(kafka_settings, admin).letters()) as pages:
            await returns.put_back([letter async for page in pages for letter in page])
    async with open_returns(kafka_settings, admin)() as returns:
        asked = asyncio.ensure_future(returns.returned())
        done, _ = await asyncio.wait([asked], timeout=1)
        assert not done, "it waits"
        await asyncio.to_thread(other.commit_transaction, 10)
        assert len(await asked) == 3


async def test_a_topic_made_anew_has_letters_that_were_never_returned(
    kafka_settings: Settings, topics: Topics, broker: Broker
) -> None:
    await asyncio.to_thread(bury, broker, topics, 3)
    assert await replay(kafka_settings) == {Fate.SENT: 3}
    await asyncio.to_thread(broker.delete, topics.dead_letter)
    await asyncio.to_thread(broker.create_when_gone, topics.dead_letter, 3)
    await asyncio.to_thread(bury, broker, topics, 3)
    assert await replay(kafka_settings) == {Fate.SENT: 3}


async def test_marks_of_letters_that_retention_took_are_forgotten(
    kafka_settings: Settings, topics: Topics, broker: Broker, admin: KafkaAdmin
) -> None:
    await asyncio.to_thread(bury, broker, topics, 9)
    assert await replay(kafka_settings, chunk=1) == {Fate.SENT: 9}
    await asyncio.to_thread(broker.truncate, Partition(topics.dead_letter, 1), 2)
    await asyncio.to_thread(bury, broker, topics, 1)
    assert await replay(kafka_settings) == {Fate.RETURNED: 7, Fate.SENT: 1}
    await asyncio.to_thread(broker.read, topics.positions, 1)  # waits for the transaction's end
    left = await KafkaDeadLetters(kafka_settings, admin).returned()
    assert len(left) == 8
    assert not {Place(1, 0), Place(1, 1)} & {*left}


async def test_any_number_of_marks_hides_no_cursor_and_is_none(
    kafka_settings: Settings, topics: Topics, broker: Broker, admin: KafkaAdmin
) -> None:
    """Also when the outbox's id is what a mark begins with."""
    marks = ReturnMarks(kafka_settings, (await admin.topic(topics.dead_letter)).id)
    openers = [
        open_publisher(kafka_settings, name, admin)
        for name in (
            "outbox",
            marks.transactional_id,
            "returned",
            (marks.tombstone(Place(0, 4999)).key or b"").decode(errors="ignore"),
        )
    ]
    for opener in openers:
        async with opener() as publisher:
            await publisher.publish((), CURSOR)
    await asyncio.to_thread(write_marks, broker, marks, 5_000)
    for opener in openers:
        async with opener() as publisher:
            assert await publisher.cursor() == CURSOR
    wait_until(lambda: broker.end(marks.partition) > 5_000)
    assert len(await KafkaDeadLetters(kafka_settings, admin).returned()) == 5_000


def write_marks(broker: Broker, marks: ReturnMarks, count: int) -> None:
    producer = broker.begin()
    for offset in range(count):
        (mark,) = marks.records([Place(0, offset)])
        producer.produce(mark.topic, mark.value, mark.key, 0, headers=[*mark.headers])
    producer.commit_transaction(30)


async def test_letters_that_go_back_together_share_a_mark_for_each_partition(
    kafka_settings: Settings, topics: Topics, broker: Broker, admin: KafkaAdmin
) -> None:
    await asyncio.to_thread(bury, broker, topics, 30)
    assert await replay(kafka_settings, chunk=25) == {Fate.SENT: 30}
    marks = await asyncio.to_thread(broker.read, topics.positions, 1)
    assert len(marks) == 4, "three partitions, and the rest of the third"
    assert len({mark.key() for mark in marks}) == 4
    assert len(await KafkaDeadLetters(kafka_settings, admin).returned()) == 30


async def test_a_relay_may_start_while_a_replay_runs(
    kafka_settings: Settings, topics: Topics, broker: Broker, admin: KafkaAdmin
) -> None:
    """Its cursor waits for a moment in which no transaction is open there."""
    opener = open_publisher(kafka_settings, "outbox", admin)
    async with opener() as publisher:
        await publisher.publish((), CURSOR)
    await asyncio.to_thread(bury, broker, topics, 200)
    running = asyncio.create_task(replay(kafka_settings, chunk=2))
    started = 0
    while not running.done():
        async with opener() as publisher:
            assert await publisher.cursor() == CURSOR
            started += 1
    assert await running == {Fate.SENT: 200}
    assert started > 1
