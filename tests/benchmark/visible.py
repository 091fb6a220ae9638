"""What a `read_committed` reader can see, and when: asked of the broker while it runs, counted afterwards.

A reader that took 150,000 events a second off the broker in Python would need a core that the sides compete for. So
while they run only the last stable offsets are asked for, twenty times a second: what lies below them is what a
`read_committed` fetch is answered with. What these offsets hold is read afterwards, all of it, `read_committed`: the
markers of transactions, which take offsets too, and whatever was aborted, count for nothing.
"""

import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec
from confluent_kafka import IsolationLevel, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient

from python_app_template.adapters.kafka_admin import LAST
from tests.benchmark.reading import counting_consumer
from tests.broker import SILENT

PARTITIONS = 3
PERIOD_SECONDS = 0.05
READ_SECONDS = 60.0


class Sample(NamedTuple):
    """Where a `read_committed` reader has to stop in each partition, at a time of `time.monotonic()`."""

    at: float
    ends: tuple[int, ...]

    @property
    def total(self) -> int:
        """Of all partitions."""
        return sum(self.ends)


class Watch:
    """Samples of one topic."""

    def __init__(self, servers: str, topic: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": servers}, logger=SILENT)
        self._asked = {TopicPartition(topic, number): LAST for number in range(PARTITIONS)}
        self.samples: list[Sample] = []

    def sample(self) -> Sample:
        """Ask once, and keep the answer."""
        answers = self._admin.list_offsets(
            self._asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=10
        )
        ends = {asked.partition: answer.result(10).offset for asked, answer in answers.items()}
        self.samples.append(Sample(time.monotonic(), tuple(ends[number] for number in range(PARTITIONS))))
        return self.samples[-1]

    def sample_until(self, is_over: Callable[[Sample], bool]) -> Sample:
        """Ask in steady steps until the answer is the one that is waited for."""
        due = time.monotonic()
        while not is_over(found := self.sample()):
            due = max(due + PERIOD_SECONDS, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
        return found


def edges(samples: Sequence[Sample], began: float, ended: float) -> tuple[Sample, Sample]:
    """Return the first and the last sample of this time at which something had just become visible.

    Events come in bursts of a Kafka transaction. Between two bursts' ends there are whole bursts only.
    Raises AssertionError when nothing became visible, or only once.
    """
    moved = [sample for sample in bursts(samples) if began <= sample.at <= ended]
    assert len(moved) > 1, f"{len(moved)} samples out of {len(samples)} in which something had just become visible"
    return moved[0], moved[-1]


def bursts(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Return those at which something had just become visible."""
    return [b for a, b in pairwise(samples) if b.total > a.total]


class Event(msgspec.Struct, gc=False):
    """What is needed of one to count orders."""

    type: str
    order_id: str = ""
    line: int = -1


class Counted:
    """The records of a topic by partition: their offsets, and those of them that are an order's first event."""

    def __init__(self) -> None:
        self.records = [array("q") for _ in range(PARTITIONS)]
        self.firsts = [array("q") for _ in range(PARTITIONS)]
        self.orders = 0

    def events_below(self, sample: Sample) -> int:
        """How many were visible then."""
        return _below(self.records, sample.ends)

    def orders_below(self, sample: Sample) -> int:
        """Of how many orders the first line's event was visible then."""
        return _below(self.firsts, sample.ends)


def _below(offsets: "Sequence[array[int]]", ends: Sequence[int]) -> int:
    return sum(bisect_left(found, end) for found, end in zip(offsets, ends, strict=True))


def counted(servers: str, topic: str) -> Counted:
    """Read all that is there, `read_committed`."""
    found, seen, decode = Counted(), set[str](), msgspec.json.Decoder(Event).decode
    for partition, offset, value in everything(servers, topic):
        found.records[partition].append(offset)
        event = decode(value)
        if event.line == 0 and event.order_id not in seen:
            seen.add(event.order_id)
            found.firsts[partition].append(offset)
    found.orders = len(seen)
    return found


def everything(servers: str, topic: str) -> Iterator[tuple[int, int, bytes]]:
    """Yield partition, offset and value of each record, up to where the log ended when this began."""
    ends = Watch(servers, topic).sample().ends
    left = {number for number, end in enumerate(ends) if end}
    consumer = counting_consumer(servers, topic, **{"enable.partition.eof": True})
    until = time.monotonic() + READ_SECONDS
    while left:
        assert time.monotonic() < until, f"partitions {left} of {topic} have no end"
        for message in consumer.consume(20_000, 0.1):
            error, partition = message.error(), message.partition() or 0
            if error is None:
                until = time.monotonic() + READ_SECONDS
                yield partition, message.offset() or 0, message.value() or b""
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name
                left.discard(partition)
    consumer.close()
