"""The source and its poll thread, with a consumer that does what a test says, step by step."""

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message, TopicPartition

from python_app_template.adapters.kafka_admin import KafkaAdmin, Topic
from python_app_template.adapters.kafka_client import LOGGER
from python_app_template.adapters.primary.kafka.source import KafkaSource
from python_app_template.adapters.primary.kafka.waits import Waits
from python_app_template.adapters.seldom import Seldom
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.messages import Message as Decoded
from python_app_template.core.delivery.messages import Partition, Record
from python_app_template.core.delivery.signals import Assigned, Fetched, Identified, Quiet, Revoked
from python_app_template.settings import Settings
from tests.builders import P, Q
from tests.fakes.consumer import DOWN, FakeConsumer, received

FORBIDDEN = KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED, "Group authorization failed")

Step = Callable[[], Message | None]


@pytest.fixture(autouse=True)
def nothing_was_told_before() -> Iterator[None]:
    """What librdkafka said in another test is news in this one."""
    before, LOGGER.filters[:] = LOGGER.filters[:], [Seldom(60)]
    yield
    LOGGER.filters[:] = before


class Member(FakeConsumer):
    """In a group: every poll and every consume takes a step of those that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: deque[Step] = deque()
        self.may_close = threading.Event()
        self.may_close.set()
        self.closed = False
        self.polls = 0

    def take(self, properties: dict[str, Any]) -> "Member":
        """Be made of these."""
        self.tell_statistics = properties["stats_cb"]
        return self

    def subscribe(self, _topics: list[str], on_assign: Any, on_revoke: Any, _on_lost: Any) -> None:
        self._on_assign, self._on_revoke = on_assign, on_revoke

    def assign(self, partition: Partition = P) -> None:
        self._on_assign(self, [TopicPartition(*partition)])

    def assign_anew(self) -> None:
        self._on_revoke(self, [TopicPartition(*P)])
        self.assign()

    def poll(self, timeout: float) -> Message | None:
        self.polls += 1
        if not self.steps:
            time.sleep(timeout)
            return None
        return self.steps.popleft()()

    def consume(self, _number: int, _timeout: float) -> list[Message]:
        step = self.steps.popleft() if self.steps else lambda: None
        return [] if (message := step()) is None else [message]

    def commit(self, **_kwargs: object) -> None: ...

    def note_state(self, state: str) -> None:
        """Give librdkafka's statistics."""
        self.tell_statistics(json.dumps({"name": "x", "cgrp": {"state": state, "join_state": "init"}}))

    def close(self) -> None:
        self.may_close.wait()
        self.closed = True


class OneAdmin(KafkaAdmin):
    """Knows every topic, unless it is told otherwise."""

    away = missing = False

    def __init__(self) -> None: ...

    async def topics(self, names: Any) -> Any:
        if self.away:
            raise TransientError("no answer")
        return dict.fromkeys(names, None if self.missing else Topic("topic-id", 1))

    async def bounds(self, _partition: object) -> Any:
        return type("Bounds", (), {"stable_end": 0})


def decode(record: Record) -> Decoded[bytes]:
    return Decoded(record, "test", record.value or b"")


@dataclass
class Members:
    """Makes those that it is given, in this order."""

    waiting: deque[Member]

    def make(self, properties: Any) -> Any:
        return self.waiting.popleft().take(properties)


@pytest.fixture
def member() -> Member:
    return Member()


@pytest.fixture
def members(member: Member) -> Members:
    return Members(deque([member]))


SOON_LEFT = Waits(leave=0.1)
NO_PRESSURE = Waits(room=60.0)
"""However slow a test is, fetching goes on."""


@pytest.fixture
async def source(member: Member, members: Members, request: pytest.FixtureRequest) -> AsyncIterator[KafkaSource[bytes]]:
    """A source to which P is assigned."""
    settings = Settings.model_validate({"kafka": {"input_topic": P.topic}})
    member.steps.append(member.assign)
    waits = getattr(request, "param", Waits())
    async with KafkaSource(settings, decode, OneAdmin(), waits=waits, new_consumer=members.make) as source:
        assert await source.receive() == Assigned(frozenset([P]), 1)
        yield source


async def offsets(source: KafkaSource[bytes]) -> list[int]:
    signal = await source.receive()
    assert isinstance(signal, Fetched)
    return [m.record.offset for m in signal.messages]


async def test_what_was_fetched_under_an_earlier_assignment_is_dropped(
    source: KafkaSource[bytes], member: Member
) -> None:
    source.start(P, 1, 7)
    member.steps += [lambda: received(7), member.assign_anew]  # while a batch is being made
    assert await source.receive() == Revoked(frozenset([P]))
    assert await source.receive() == Assigned(frozenset([P]), 2)
    source.start(P, 2, 7)
    assert await source.receive() == Quiet()
    member.steps += [lambda: received(7)]
    assert await offsets(source) == [7]


async def fetched_all(member: Member) -> None:
    """Wait until its steps are taken, and what they led to was told: the thread has come round since."""
    await seen(lambda: not member.steps)
    polls = member.polls
    await seen(lambda: member.polls > polls)


async def seen(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what another thread does sets no event of ours
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("source", [NO_PRESSURE], indirect=True)
async def test_what_comes_while_a_batch_waits_goes_with_it(source: KafkaSource[bytes], member: Member) -> None:
    """It would wait for that batch as well as for the one that is being decided."""
    source.start(P, 1, 7)
    for offset in (7, 8, 9):
        member.steps.append(lambda offset=offset: received(offset))  # type: ignore[misc]
        await fetched_all(member)
    assert await offsets(source) == [7, 8, 9]
    member.steps.append(lambda: received(10))
    await fetched_all(member)
    assert await offsets(source) == [10]


@pytest.mark.parametrize("source", [NO_PRESSURE], indirect=True)
async def test_what_was_started_anew_while_a_batch_waits_comes_after_it(
    source: KafkaSource[bytes], member: Member
) -> None:
    member.steps += [lambda: member.assign(Q)]
    assert await source.receive() == Assigned(frozenset([Q]), 2)
    source.start(P, 1, 7)
    member.steps.append(lambda: received(7))
    await fetched_all(member)
    source.start(Q, 2, 3)
    await seen(lambda: ("resume", Q.number, 0) in member.told)
    member.steps.append(lambda: received(3, Q.number))
    await fetched_all(member)
    assert [await offsets(source), await offsets(source)] == [[7], [3]]


async def test_an_order_of_an_earlier_assignment_drops_nothing(source: KafkaSource[bytes], member: Member) -> None:
    member.steps += [member.assign_anew]
    assert await source.receive() == Revoked(frozenset([P]))
    assert await source.receive() == Assigned(frozenset([P]), 2)
    source.start(P, 2, 7)
    source.start(P, 1, 9)
    source.stop(P, 1)
    assert await source.receive() == Quiet()
    member.steps += [lambda: received(7)]
    assert await offsets(source) == [7]


async def test_an_order_that_fails_holds_up_only_its_partition(source: KafkaSource[bytes], member: Member) -> None:
    member.steps += [lambda: member.assign(Q)]
    assert await source.receive() == Assigned(frozenset([Q]), 2)
    member.fails = ["resume"] * 3
    source.start(P, 1, 7)
    source.start(Q, 2, 9)
    assert await source.receive() == Quiet()
    assert member.fails == []
    resumed = [number for what, number, _ in member.told if what == "resume"]
    assert sorted(resumed) == [0, 1]


@pytest.mark.parametrize("way", ["fetched", "assigned"])
async def test_a_trouble_lasts_until_something_is_fetched_or_assigned(
    source: KafkaSource[bytes], member: Member, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    source.start(P, 1, 7)
    member.steps += [lambda: received(0, -1, error=FORBIDDEN), lambda: received(0, -1, error=DOWN)] * 3
    assert await source.receive() == Quiet()
    assert source.trouble == "GROUP_AUTHORIZATION_FAILED: Group authorization failed"
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "GROUP_AUTHORIZATION_FAILED",
        "_ALL_BROKERS_DOWN",
    ]
    member.steps.append((lambda: received(7)) if way == "fetched" else member.assign_anew)
    assert await source.receive() != Quiet()
    await source.receive()
    assert source.trouble is None


@pytest.mark.parametrize("source", [SOON_LEFT], indirect=True)
async def test_a_member_that_can_not_leave_is_let_be(
    source: KafkaSource[bytes], member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    member.may_close.clear()
    await source.close()
    member.may_close.set()
    (record,) = caplog.records
    assert record.getMessage().startswith("the member did not leave the group within 0.1 s")


@pytest.fixture
def admin() -> OneAdmin:
    return OneAdmin()


@pytest.fixture
async def impatient(member: Member, members: Members, admin: OneAdmin) -> AsyncIterator[KafkaSource[bytes]]:
    """A source to which P is assigned, and that gives its member 0.3 s to find the group."""
    settings = Settings.model_validate({"kafka": {"input_topic": P.topic, "session_timeout_ms": 1}})
    member.steps.append(member.assign)
    waits = Waits(look=0.01, find=0.3)
    async with KafkaSource(settings, decode, admin, waits=waits, new_consumer=members.make) as source:
        assert await source.receive() == Assigned(frozenset([P]), 1)
        yield source


async def test_a_member_that_does_not_find_its_group_is_replaced_while_the_broker_answers(
    impatient: KafkaSource[bytes], member: Member, members: Members
) -> None:
    """What the old one held is lost first, what it had fetched is dropped, and the new one's is numbered on."""
    successor = Member()
    successor.steps += [successor.assign]
    members.waiting.append(successor)
    impatient.start(P, 1, 7)
    member.note_state("wait-coord")
    assert await impatient.receive() == Quiet(), "it is given time to find it"
    assert await until_signalled(impatient) == Revoked(frozenset([P]))
    assert member.closed
    assert await until_signalled(impatient) == Assigned(frozenset([P]), 2)
    impatient.start(P, 2, 7)
    assert await impatient.receive() == Quiet()
    successor.steps += [lambda: received(7)]
    assert await offsets(impatient) == [7]
    assert ("seek", 0, 7) in successor.told


async def until_signalled(source: KafkaSource[bytes]) -> object:
    async with asyncio.timeout(10):
        while (signal := await source.receive()) == Quiet():
            pass
    return signal


async def test_a_member_that_finds_its_group_again_stays(impatient: KafkaSource[bytes], member: Member) -> None:
    member.note_state("wait-broker-transport")
    member.note_state("up")
    assert [await impatient.receive() for _ in range(4)] == [Quiet()] * 4
    assert not member.closed


async def test_a_member_that_does_not_find_its_group_stays_while_nobody_answers(
    impatient: KafkaSource[bytes], member: Member, admin: OneAdmin
) -> None:
    admin.away = True
    member.note_state("query-coord")
    assert [await impatient.receive() for _ in range(4)] == [Quiet()] * 4
    assert not member.closed


async def test_a_topic_that_is_gone_is_signalled_once_and_again_when_it_is_back(
    impatient: KafkaSource[bytes], admin: OneAdmin
) -> None:
    assert await impatient.receive() == Quiet()
    admin.missing = True
    assert await until_signalled(impatient) == Identified(P.topic, None)
    assert impatient.trouble == f"there is no topic {P.topic}"
    assert await impatient.receive() == Quiet()
    admin.missing = False
    assert await until_signalled(impatient) == Identified(P.topic, "topic-id")
    assert impatient.trouble is None
    assert await impatient.receive() == Quiet()
