"""What every publisher promises: frames and cursor together or not at all, and nobody beside the newest."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import pytest

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.publisher import open_publisher
from python_app_template.core.delivery.faults import Halted, TransientError
from python_app_template.core.delivery.messages import Frame
from python_app_template.core.delivery.relaying import Cursor, OutboxRow
from python_app_template.core.ports.publishing import OpenPublisher
from tests.broker import NO_DATABASE, Broker, values
from tests.fakes.publishing import FakeBroker
from tests.servers import Kafka
from tests.surroundings import Topics, settings_for

TOO_LARGE = random.Random(0).randbytes(2_000_000)
"""More than a topic takes, and it can't be compressed."""


class WayOut(ABC):
    """Topics to publish to, and a look at what consumers see there."""

    open: OpenPublisher
    output: str
    topics: frozenset[str]

    @abstractmethod
    async def visible(self) -> Sequence[bytes | None]: ...

    def row(self, number: int, *contents: bytes) -> OutboxRow:
        """Everything of one key, so that it stays in order."""
        frames = [Frame(self.output, b"key", content, [("header", b"1"), ("none", None)]) for content in contents]
        return OutboxRow(number, f"row-{number}", frames)


class InMemory(WayOut):
    def __init__(self) -> None:
        self._broker = FakeBroker(refused=lambda frame: frame.value == TOO_LARGE)
        self.open, self.output = self._broker.open_publisher, "allocations"
        self.topics = frozenset(self._broker.ids)

    async def visible(self) -> Sequence[bytes | None]:
        return [frame.value for frame in self._broker.frames]


class InKafka(WayOut):
    def __init__(self, broker: Broker, opener: OpenPublisher, topics: Topics) -> None:
        self._broker, self.open, self.output = broker, opener, topics.output
        self.topics = frozenset([topics.output, topics.dead_letter, topics.positions])

    async def visible(self) -> Sequence[bytes | None]:
        return values(await asyncio.to_thread(self._broker.read, self.output, 3))


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.servers)])
def where(request: pytest.FixtureRequest) -> tuple[Kafka, Topics] | None:
    """The broker and its topics; None: in memory."""
    if request.param == "memory":
        return None
    return request.getfixturevalue("kafka"), request.getfixturevalue("topics")


@pytest.fixture
async def way_out(where: tuple[Kafka, Topics] | None) -> AsyncIterator[WayOut]:
    if where is None:
        yield InMemory()
        return
    kafka, topics = where
    settings = settings_for(kafka, NO_DATABASE, topics)
    opener = open_publisher(settings, str(uuid4()), KafkaAdmin(settings))
    yield InKafka(Broker(kafka.bootstrap_servers), opener, topics)


async def test_there_is_no_cursor_before_the_first(way_out: WayOut) -> None:
    async with way_out.open() as publisher:
        assert await publisher.cursor() is None


async def test_a_cursor_may_come_alone(way_out: WayOut) -> None:
    async with way_out.open() as publisher:
        await publisher.publish((), Cursor(0, "origin"))
    async with way_out.open() as publisher:
        assert await publisher.cursor() == Cursor(0, "origin")
    assert await way_out.visible() == []


async def test_pages_are_visible_in_order_with_the_last_cursor(way_out: WayOut) -> None:
    rows = [way_out.row(1, b"a", b"b"), way_out.row(2), way_out.row(3, b"c")]
    async with way_out.open() as publisher:
        await publisher.publish(rows[:2], rows[1].cursor)
        assert await way_out.visible() == [b"a", b"b"]
        await publisher.publish(rows[2:], rows[2].cursor)
        assert await publisher.cursor() == Cursor(3, "row-3")
    assert await way_out.visible() == [b"a", b"b", b"c"]


async def test_a_frame_that_is_refused_halts_and_shows_nothing(way_out: WayOut) -> None:
    row = way_out.row(1, b"before", TOO_LARGE, b"after")
    async with way_out.open() as publisher:
        with pytest.raises(Halted) as halted:
            await publisher.publish([row], row.cursor)
    assert (halted.value.part, halted.value.reason) == ("relay", "frame_refused")
    assert way_out.output in str(halted.value)
    assert "key" in str(halted.value)
    async with way_out.open() as publisher:
        assert await publisher.cursor() is None
    assert await way_out.visible() == []


async def test_opening_another_fences_the_one_before(way_out: WayOut) -> None:
    async with way_out.open() as older:
        await older.publish([way_out.row(1, b"a")], Cursor(1, "row-1"))
        async with way_out.open() as newer:
            with pytest.raises(TransientError):
                await older.publish([way_out.row(2, b"zombie")], Cursor(2, "row-2"))
            assert await newer.cursor() == Cursor(1, "row-1")
            await newer.publish([way_out.row(2, b"b")], Cursor(2, "row-2"))
    assert await way_out.visible() == [b"a", b"b"]


async def test_the_topics_keep_their_ids(way_out: WayOut) -> None:
    async with way_out.open() as publisher:
        found = await publisher.topics()
        assert found.keys() == way_out.topics
        assert len(set(found.values())) == len(found)
        assert await publisher.topics() == found
