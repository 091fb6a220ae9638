"""What the topics say of a run: orders that were sent, how far they were consumed, events that were told."""

from collections.abc import Iterator

import msgspec
from confluent_kafka import Consumer, TopicPartition

from tests.benchmark.peers.judgement import Line, Ordered
from tests.benchmark.sides import Grounds
from tests.benchmark.visible import PARTITIONS, everything

ANSWER_SECONDS = 30.0


class OrderedLine(msgspec.Struct):
    """SKU and quantity."""

    sku: str
    qty: int


class Placed(msgspec.Struct):
    """An order as it was sent."""

    order_id: str
    lines: list[OrderedLine]


class Told(msgspec.Struct):
    """An event as a peer publishes it; the book's have no version."""

    order_id: str
    line: int
    sku: str
    qty: int
    batch_ref: str | None
    version: int = 0

    def as_line(self) -> Line:
        """What it says of the tables."""
        return Line(self.order_id, self.line, self.sku, self.qty, self.batch_ref)


PLACED, TOLD = msgspec.json.Decoder(Placed), msgspec.json.Decoder(Told)


def ordered(grounds: Grounds) -> dict[str, Ordered]:
    """All orders of the input, by their ids."""
    return dict(_placed(*record) for record in everything(grounds.servers, grounds.input_topic))


def _placed(partition: int, offset: int, value: bytes) -> tuple[str, Ordered]:
    order = PLACED.decode(value)
    return order.order_id, Ordered(partition, offset, [(line.sku, line.qty) for line in order.lines])


def told(grounds: Grounds) -> Iterator[Told]:
    """All events, in the order of each partition."""
    return (TOLD.decode(value) for _, _, value in everything(grounds.servers, grounds.output_topic))


def consumed(grounds: Grounds) -> dict[int, int]:
    """The offset that the group goes on with, by partition."""
    consumer = Consumer({"bootstrap.servers": grounds.servers, "group.id": grounds.group})
    asked = [TopicPartition(grounds.input_topic, number) for number in range(PARTITIONS)]
    found = {at.partition: at.offset for at in consumer.committed(asked, ANSWER_SECONDS)}
    consumer.close()
    return found
