"""What every dead-letter topic promises: read in order, put back with a mark or not at all, by one at a time."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import aclosing

import pytest

from python_app_template.adapters import dead_letters
from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.secondary.kafka.dead_letters import KafkaDeadLetters, open_returns
from python_app_template.adapters.secondary.kafka.reading import logs
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.messages import DeadLetter, Partition, Record, Refused
from python_app_template.core.delivery.returning import Letter, Origin, Place
from python_app_template.core.ports.dead_letters import DeadLetters, OpenReturns
from tests.broker import NO_DATABASE, Broker, values
from tests.fakes.dead_letters import FakeDeadLetters
from tests.servers import Kafka
from tests.surroundings import Topics, settings_for

REASON = Refused("failed", "no rule foresaw it")


class Lying(ABC):
    """A dead-letter topic with what was written to it, and a look at what came back."""

    letters: DeadLetters
    open: OpenReturns
    input: str

    @abstractmethod
    async def write(self, number: int, *contents: bytes) -> None:
        """Dead letters into this partition, made of messages with these values."""

    @abstractmethod
    async def returned_values(self) -> Sequence[bytes | None]: ...

    async def all(self) -> list[Letter]:
        async with aclosing(self.letters.letters()) as pages:
            return [letter async for page in pages for letter in page]


class InMemory(Lying):
    def __init__(self) -> None:
        self._topic = FakeDeadLetters()
        self.letters, self.open, self.input = self._topic, self._topic.open_returns, "raw-push"

    async def write(self, number: int, *contents: bytes) -> None:
        for content in contents:
            offset = sum(letter.place.partition == number for letter in self._topic.there)
            origin = Origin(Partition(self.input, 0), 0, 5)
            letter = Letter(Place(number, offset), 6, b"key", content, [("h", b"1")], origin, *_told(REASON))
            self._topic.there.append(letter)

    async def returned_values(self) -> Sequence[bytes | None]:
        return [letter.value for letter in self._topic.sent]


class InKafka(Lying):
    def __init__(self, kafka: Kafka, topics: Topics) -> None:
        settings = settings_for(kafka, NO_DATABASE, topics)
        self._admin = admin = KafkaAdmin(settings)
        self._broker, self.input = Broker(kafka.bootstrap_servers), topics.input
        self._topic, self._positions = topics.dead_letter, topics.positions
        self.letters, self.open = KafkaDeadLetters(settings, admin), open_returns(settings, admin)

    async def write(self, number: int, *contents: bytes) -> None:
        await asyncio.to_thread(self._write, number, contents)
        await self._settled(self._topic)

    def _write(self, number: int, contents: Sequence[bytes]) -> None:
        producer = self._broker.begin()
        for content in contents:
            record = Record(Partition(self.input, 0), 0, 5, b"key", content, [("h", b"1")])
            frame = dead_letters.bury(DeadLetter(record, REASON), self._topic, "service/1")
            producer.produce(self._topic, frame.value, frame.key, number, headers=[*frame.headers])
        producer.commit_transaction(10)

    async def returned_values(self) -> Sequence[bytes | None]:
        await self._settled(self._positions)
        return values(await asyncio.to_thread(self._broker.read, self.input, 3))

    async def _settled(self, topic: str) -> None:
        """Wait for the marks of the ends of transactions: they are written after the answers."""
        while any(log.stable_end < log.end for log in (await logs(self._admin, topic)).values()):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


def _told(why: Refused) -> tuple[str, str]:
    return why.reason, why.detail


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.servers)])
def lying(request: pytest.FixtureRequest) -> Lying:
    if request.param == "memory":
        return InMemory()
    return InKafka(request.getfixturevalue("kafka"), request.getfixturevalue("topics"))


async def test_an_empty_topic_has_none(lying: Lying) -> None:
    assert await lying.all() == []
    assert await lying.letters.at(Place(0, 0)) is None
    assert not await lying.letters.returned()


async def test_letters_are_read_partition_after_partition_with_what_they_say(lying: Lying) -> None:
    await lying.write(2, b"d")
    await lying.write(0, b"a", b"b")
    await lying.write(2, b"e")
    found = await lying.all()
    assert [(letter.place.partition, letter.value) for letter in found] == [(0, b"a"), (0, b"b"), (2, b"d"), (2, b"e")]
    assert [letter.place for letter in found] == sorted({letter.place for letter in found})
    assert {(letter.key, letter.headers[0], letter.reason, letter.detail) for letter in found} == {
        (b"key", ("h", b"1"), REASON.reason, REASON.detail)
    }
    assert {letter.origin for letter in found} == {Origin(Partition(lying.input, 0), 0, 5)}


async def test_a_letter_is_found_where_it_lies_and_nowhere_else(lying: Lying) -> None:
    await lying.write(1, b"a", b"b")
    found = await lying.all()
    assert [await lying.letters.at(letter.place) for letter in found] == found
    for nowhere in (Place(0, 0), Place(1, 2), Place(1, 10**9), Place(99, 0)):
        assert await lying.letters.at(nowhere) is None


async def test_what_is_put_back_is_a_message_and_marked(lying: Lying) -> None:
    await lying.write(0, b"a", b"b", b"c")
    found = await lying.all()
    async with lying.open() as returns:
        assert not await returns.returned()
        await returns.put_back(found[:1])
        await returns.put_back(found[1:2])
    assert await lying.returned_values() == [b"a", b"b"]
    assert set(await lying.letters.returned()) == {letter.place for letter in found[:2]}
    async with lying.open() as returns:
        assert set(await returns.returned()) == {letter.place for letter in found[:2]}
    assert await lying.all() == found, "the letters stay"


async def test_opening_another_fences_the_one_before(lying: Lying) -> None:
    await lying.write(0, b"a", b"b")
    first, second = await lying.all()
    async with lying.open() as older:
        await older.put_back([first])
        async with lying.open() as newer:
            assert set(await newer.returned()) == {first.place}
            with pytest.raises(TransientError) as fenced:
                await older.put_back([second])
            assert fenced.value.code == "FENCED"
            await newer.put_back([second])
    assert await lying.returned_values() == [b"a", b"b"]
