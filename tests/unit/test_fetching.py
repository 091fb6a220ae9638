"""What is done with a consumer's partitions and messages, held against one that only notes it."""

from collections import deque
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, TopicPartition

from python_app_template.adapters.primary.kafka.fetching import Fetching, Stuck
from python_app_template.adapters.primary.kafka.gathering import Bounds
from python_app_template.adapters.primary.kafka.lag import Lag, Progress
from python_app_template.adapters.primary.kafka.lanes import Lane, Lanes
from python_app_template.core.delivery.messages import OTHER, Record, Refused
from python_app_template.core.delivery.messages import Message as Decoded
from python_app_template.core.delivery.signals import Assigned, Revoked
from tests.builders import P, Q, messages
from tests.fakes.consumer import DOWN, FakeConsumer, received

EOF = KafkaError(KafkaError._PARTITION_EOF)  # noqa: SLF001 - so librdkafka names its own errors
OUT_OF_RANGE = KafkaError(KafkaError._AUTO_OFFSET_RESET)  # noqa: SLF001 - likewise


def decode(record: Record) -> Decoded[bytes]:
    return Decoded(record, "test", record.value or b"", weight=int(record.value or b"1"))


@pytest.fixture
def consumer() -> FakeConsumer:
    return FakeConsumer()


@pytest.fixture
def lanes(consumer: FakeConsumer) -> Lanes:
    """Two partitions, assigned and not yet started."""
    lanes = Lanes(consumer)
    lanes.assign([TopicPartition(*P), TopicPartition(*Q)])
    return lanes


@pytest.fixture
def noted() -> list[KafkaError]:
    return []


@pytest.fixture
def stuck() -> list[Stuck]:
    return []


@pytest.fixture
def fetching(consumer: FakeConsumer, lanes: Lanes, noted: list[KafkaError], stuck: list[Stuck]) -> Fetching[bytes]:
    for number in (0, 1):
        lanes.start(lane(lanes, number), 0)
    return Fetching(consumer, lanes, decode, Bounds(4, 100, 50), noted.append, stuck.append)


def lane(lanes: Lanes, number: int = 0) -> Lane:
    found = lanes.get(number)
    assert found is not None
    return found


def test_what_is_assigned_is_paused_at_the_beginning(consumer: FakeConsumer) -> None:
    assert Lanes(consumer).assign([TopicPartition(*P)]) == Assigned(frozenset([P]), 1)
    assert consumer.told == [("assign", 0, OFFSET_BEGINNING), ("pause", 0, 0)]


def test_it_is_sought_before_it_is_resumed(consumer: FakeConsumer, lanes: Lanes) -> None:
    consumer.forget()
    lanes.start(lane(lanes), 7)
    assert consumer.told == [("seek", 0, 7), ("resume", 0, 0)]
    lanes.start(lane(lanes), 9)
    assert consumer.told[2:] == [("seek", 0, 9)]


def test_what_can_not_be_sought_is_assigned_anew(consumer: FakeConsumer, lanes: Lanes) -> None:
    consumer.refuses_seeks = True
    consumer.forget()
    lanes.start(lane(lanes), 7)
    assert consumer.told == [("unassign", 0, 0), ("assign", 0, 7), ("pause", 0, 0), ("resume", 0, 0)]
    consumer.forget()
    lanes.start(lane(lanes), 9)
    assert consumer.told == [("unassign", 0, 0), ("assign", 0, 9)], "nothing would resume it"


@pytest.mark.parametrize("failing", ["unassign", "assign", "pause", "resume"])
def test_a_start_that_failed_can_be_made_again(consumer: FakeConsumer, lanes: Lanes, failing: str) -> None:
    consumer.refuses_seeks, consumer.fails = True, [failing]
    with pytest.raises(KafkaException):
        lanes.start(lane(lanes), 7)
    lanes.start(lane(lanes), 7)
    assert [told for told in consumer.told if told[0] == "assign"][-1] == ("assign", 0, 7)
    assert consumer.told[-1] == ("resume", 0, 0)
    assert lane(lanes).delivers


def test_a_pause_that_failed_can_be_made_again(consumer: FakeConsumer, lanes: Lanes) -> None:
    lanes.start(lane(lanes), 7)
    consumer.forget()
    for _ in range(2):
        consumer.fails = ["pause"]
        with pytest.raises(KafkaException):
            lanes.press()
        assert not lanes.pressed
        lanes.press()
        consumer.fails = ["resume"]
        with pytest.raises(KafkaException):
            lanes.relieve()
        assert lanes.relieve() == {P}
    assert consumer.told == [("pause", 0, 0), ("resume", 0, 0)] * 2


def test_it_is_resumed_when_the_last_reason_is_gone(consumer: FakeConsumer, lanes: Lanes) -> None:
    lanes.press()
    lanes.start(lane(lanes), 7)
    assert ("resume", 0, 0) not in consumer.told
    assert lanes.relieve() == {P}
    assert consumer.told.count(("resume", 0, 0)) == 1
    lanes.stop(lane(lanes))
    lanes.press()
    assert lanes.relieve() == frozenset()
    assert consumer.told.count(("pause", 0, 0)) == 2


def test_an_assignment_under_pressure_is_paused_for_that_too(consumer: FakeConsumer, lanes: Lanes) -> None:
    lanes.press()
    lanes.assign([TopicPartition(P.topic, 2)])
    lanes.start(lane(lanes, 2), 0)
    assert ("resume", 2, 0) not in consumer.told
    assert lanes.relieve() == {P._replace(number=2)}


def test_an_older_assignment_is_not_held(lanes: Lanes) -> None:
    lanes.revoke([TopicPartition(*P)])
    assert lanes.assign([TopicPartition(*P)]).assignment == 2
    assert lanes.held(P, 1) is None
    assert lanes.held(P, 2) is lane(lanes)
    assert lanes.revoke([TopicPartition(*P)]) == Revoked(frozenset([P]))
    assert lanes.held(P, 2) is None


def offsets(fetching: Fetching[bytes]) -> list[int]:
    fetched = fetching.fetch(0)
    return [] if fetched is None else [m.record.offset for m in fetched.messages]


def test_nothing_makes_no_batch(fetching: Fetching[bytes]) -> None:
    assert fetching.fetch(0) is None


def test_a_batch_is_bounded_and_the_rest_is_the_next_ones(consumer: FakeConsumer, fetching: Fetching[bytes]) -> None:
    consumer.yields.extend(received(n) for n in range(6))
    assert [offsets(fetching), offsets(fetching), offsets(fetching)] == [[0, 1, 2, 3], [4, 5], []]


@pytest.mark.parametrize("value", [b"30", b"0" * 60 + b"1"])
def test_weight_and_bytes_count(consumer: FakeConsumer, fetching: Fetching[bytes], value: bytes) -> None:
    consumer.yields.extend(received(n, value=value) for n in range(3))
    assert [offsets(fetching) for _ in range(4)] == [[0], [1], [2], []]


def test_one_that_is_too_large_goes_alone(consumer: FakeConsumer, fetching: Fetching[bytes]) -> None:
    consumer.yields.extend([received(0, value=b"0" * 200 + b"99"), received(1)])
    assert [offsets(fetching), offsets(fetching)] == [[0], [1]]


def test_a_batch_that_waits_takes_more_until_it_is_full(consumer: FakeConsumer, fetching: Fetching[bytes]) -> None:
    consumer.yields.extend(received(n) for n in range(3))
    assert offsets(fetching) == [0, 1, 2]
    assert (fetching.more(), fetching.full) == (None, False)
    consumer.yields.extend(received(n) for n in (3, 4))
    more = fetching.more()
    assert more is not None
    assert ([m.record.offset for m in more.messages], fetching.full) == ([3], True)
    assert offsets(fetching) == [4]


def test_what_is_too_large_does_not_go_with_a_batch_that_waits(
    consumer: FakeConsumer, fetching: Fetching[bytes]
) -> None:
    consumer.yields.append(received(0))
    assert offsets(fetching) == [0]
    consumer.yields.append(received(1, value=b"99"))
    assert (fetching.more(), fetching.full) == (None, True)
    assert offsets(fetching) == [1]


def test_what_is_not_wanted_is_dropped(consumer: FakeConsumer, lanes: Lanes, fetching: Fetching[bytes]) -> None:
    lanes.stop(lane(lanes, 0))
    lanes.revoke([TopicPartition(*Q)])
    consumer.yields.extend([received(0), received(0, 1), received(1, error=EOF), received(1, 1, error=EOF)])
    assert fetching.fetch(0) is None


def test_what_is_held_back_of_a_partition_can_be_forgotten(consumer: FakeConsumer, fetching: Fetching[bytes]) -> None:
    consumer.yields.extend([received(0, value=b"30"), received(1, value=b"30"), received(9, 1)])
    assert offsets(fetching) == [0]
    fetching.forget(P)
    assert offsets(fetching) == [9]


def test_what_comes_under_pressure_is_kept(consumer: FakeConsumer, fetching: Fetching[bytes]) -> None:
    consumer.yields.append(received(0, value=None))
    fetching.serve(0)
    consumer.yields.append(received(1))
    assert offsets(fetching) == [0, 1]


def test_ends_come_with_the_batch(consumer: FakeConsumer, fetching: Fetching[bytes]) -> None:
    consumer.yields.extend([received(0), received(2, error=EOF), received(5, 1, error=EOF)])
    fetched = fetching.fetch(0)
    assert fetched is not None
    assert fetched.ends == {P: 2, Q: 5}


def test_an_unreadable_partition_is_reported_once_and_assigned_anew_by_its_start(
    consumer: FakeConsumer, lanes: Lanes, fetching: Fetching[bytes], stuck: list[Stuck]
) -> None:
    consumer.yields.extend([received(0, error=OUT_OF_RANGE), received(0, error=OUT_OF_RANGE), received(1)])
    assert fetching.fetch(0) is None
    assert stuck == [Stuck(P, 1)]
    consumer.forget()
    lanes.start(lane(lanes), 7)
    assert consumer.told == [("unassign", 0, 0), ("assign", 0, 7)]
    consumer.yields.append(received(7))
    assert offsets(fetching) == [7]


def test_after_an_error_gaps_are_doubtful(
    consumer: FakeConsumer, fetching: Fetching[bytes], noted: list[KafkaError]
) -> None:
    consumer.yields.extend([received(0, error=DOWN), received(1)])
    fetched = fetching.fetch(0)
    assert fetched is not None
    assert fetched.resumed == {P}
    assert noted == [DOWN]


class NotUtf8(Message):
    """A record that a client in another language wrote: confluent_kafka produces no such name, and fails to read it."""

    def headers(self) -> Any:
        return b"\xff".decode()


def test_a_header_whose_name_is_not_utf_8_is_refused(consumer: FakeConsumer, fetching: Fetching[bytes]) -> None:
    consumer.yields.extend(
        [NotUtf8(topic=P.topic, partition=0, offset=0, key=b"k", value=b"1", timestamp=(1, 5)), received(1)]
    )
    fetched = fetching.fetch(0)
    assert fetched is not None
    refused, other = fetched.messages
    assert refused == Decoded(
        Record(P, 0, 5, b"k", b"1"), OTHER, Refused("undecodable", "a header's name is not UTF-8")
    )
    assert other.content == b"1"


def test_what_an_exception_interrupts_is_delivered(consumer: FakeConsumer, fetching: Fetching[bytes]) -> None:
    consumer.interrupts = True
    consumer.yields.append(received(0))
    fetched = fetching.fetch(0)
    assert fetched is not None
    assert [m.record.offset for m in fetched.messages] == [0]
    assert fetched.resumed == {P, Q}


def test_there_is_no_lag_to_speak_of_before_the_start() -> None:
    assert Progress().lag(0) is None


def test_the_lag_is_what_is_not_settled() -> None:
    progress = Progress()
    progress.started(10)
    progress.end = 30
    assert progress.lag(now=5) == Lag(20, 0.0)
    progress.handed_over(messages(10, 11))
    progress.handed_over(messages(12))
    assert progress.lag(now=5) == Lag(20, 5.0)
    progress.settle(12)
    assert progress.lag(now=5) == Lag(18, 5.0)
    progress.settle(13)
    assert progress.lag(now=5) == Lag(17, 0.0)
    progress.reached_end(30)
    assert progress.lag(now=5) == Lag(0, 0.0)


def test_old_messages_that_come_again_are_not_in_hand() -> None:
    progress = Progress()
    progress.started(10)
    progress.handed_over(messages(10, 11))
    progress.settle(12)
    progress.handed_over(messages(10, 11))
    assert progress.lag(now=5) == Lag(0, 0.0)
    progress.handed_over(messages(12, 13))
    progress.handed_over(messages(12))
    progress.reached_end(13)
    assert progress.read == 14
    assert not progress.at_end


def test_the_poll_thread_may_settle_while_the_lag_is_asked_for() -> None:
    class SettledMeanwhile(deque[tuple[int, int]]):
        def __bool__(self) -> bool:
            there = len(self) > 0
            self.clear()
            return there

    progress = Progress(settled=10, end=12, in_hand=SettledMeanwhile([(12, 0)]))
    assert progress.lag(now=5) == Lag(2, 5.0)


def test_an_end_that_was_reached_before_is_none() -> None:
    progress = Progress()
    progress.started(10)
    progress.handed_over(messages(10, 11))
    progress.reached_end(11)
    progress.settle(11)
    assert progress.lag(now=5) == Lag(1, 5.0)
