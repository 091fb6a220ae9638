"""A `read_committed` reader of a topic that counts, and notes when the first and the last record were there."""

import time
import uuid
from datetime import datetime
from typing import NamedTuple

import msgspec
from confluent_kafka import Consumer, TopicPartition


class Seen(NamedTuple):
    """Events that were seen, and how many of them of an order's first line.

    And when the first was decided and the last was visible, in seconds since 1970.
    """

    records: int
    orders: int
    decided_at: float
    visible_at: float

    @property
    def seconds(self) -> float:
        """From the one to the other."""
        return self.visible_at - self.decided_at


class Body(msgspec.Struct):
    """The fields that are of interest."""

    occurred_at: datetime
    line: int = -1


def counting_consumer(servers: str, topic: str, **properties: str | bool) -> Consumer:
    """Open one that reads all partitions from their beginning, what is committed alone."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": f"reader-{uuid.uuid4()}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
            **properties,
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(3)])
    return consumer


def read(servers: str, topic: str, records: int, seconds: float, skip: int = 0) -> Seen:
    """Read until so many records are there beyond those to skip, or so many seconds are over."""
    consumer = counting_consumer(servers, topic)
    decode = msgspec.json.Decoder(Body).decode
    found: list[bytes] = []
    visible, until = 0.0, time.monotonic() + seconds
    while len(found) < skip + records and time.monotonic() < until:
        if values := [m.value() or b"" for m in consumer.consume(20_000, 0.1) if not m.error()]:
            visible = time.time()
            found += values
    consumer.close()
    # Partitions come in any order, and so do those to be skipped among the others: they have no line.
    bodies = [body for body in map(decode, found) if skip == 0 or body.line >= 0]
    decided = min((body.occurred_at.timestamp() for body in bodies), default=visible)
    return Seen(len(bodies), sum(body.line <= 0 for body in bodies), decided, visible)


class Versioned(msgspec.Struct):
    """The fields that show whether anything is missing, doubled or out of order."""

    sku: str
    version: int


def gapless(servers: str, topic: str, records: int, quiet_seconds: float = 20.0) -> int:
    """Read all events; return how many there are, once there are so many and nothing more comes, or nothing at all.

    Raises AssertionError when a SKU's versions are not 1, 2, 3, ...
    """
    decode, versions, found = msgspec.json.Decoder(Versioned).decode, dict[str, int](), 0
    consumer = counting_consumer(servers, topic)
    heard = time.monotonic()
    while time.monotonic() < heard + (1.0 if found >= records else quiet_seconds):
        for message in consumer.consume(20_000, 0.1):
            if message.error():
                continue
            event = decode(message.value() or b"")
            expected = versions.get(event.sku, 0) + 1
            assert event.version == expected, f"{event.sku}: {event.version} stands where {expected} should"
            versions[event.sku], found, heard = expected, found + 1, time.monotonic()
    consumer.close()
    return found
