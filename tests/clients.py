"""What the outside world does: produce messages, consume events and dead letters, as CONTRACT says it may."""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from python_app_template.settings import Settings

Body = dict[str, Any]

READ_SECONDS = 40.0


class Received(NamedTuple):
    """A record of a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes | None]

    @property
    def body(self) -> Body:
        """The value as an object."""
        assert self.value is not None
        found: Body = json.loads(self.value)
        return found


def order(order_id: str, *lines: tuple[str, int], **more: Any) -> Body:
    """An order; lines are (sku, qty)."""
    return {
        "type": "order.placed",
        "order_id": order_id,
        "lines": [{"sku": sku, "qty": qty} for sku, qty in lines or [("CHAIR", 1)]],
        **more,
    }


def cancelled(order_id: str) -> Body:
    """A cancellation."""
    return {"type": "order.cancelled", "order_id": order_id}


def batch(batch_ref: str, sku: str = "CHAIR", qty: int = 100, eta: str | None = None) -> Body:
    """A batch."""
    return {"type": "batch.created", "batch_ref": batch_ref, "sku": sku, "qty": qty, "eta": eta}


def quantity(batch_ref: str, qty: int) -> Body:
    """A change of quantity."""
    return {"type": "batch.quantity_changed", "batch_ref": batch_ref, "qty": qty}


def key_of(message: Body) -> bytes:
    """The key that a producer gives it."""
    return str(message.get("order_id") or message.get("batch_ref")).encode()


class World:
    """One service's topics, from outside."""

    def __init__(self, settings: Settings) -> None:
        self._servers = {"bootstrap.servers": settings.kafka.bootstrap_servers}
        self.kafka = settings.kafka
        self._producer = Producer(self._servers | {"partitioner": "murmur2_random", "linger.ms": 5})

    def send(self, *messages: Body) -> None:
        """Produce messages keyed as the contract says; acknowledged when it returns."""
        for message in messages:
            self._produce(json.dumps(message).encode(), key_of(message))
        self._flush()

    def send_raw(
        self,
        value: bytes | None,
        key: bytes | None = None,
        partition: int = -1,
        headers: Sequence[tuple[str, bytes | None]] = (),
    ) -> None:
        """Produce one record as it is."""
        self._produce(value, key, partition, headers)
        self._flush()

    def events(self, count: int, seconds: float = READ_SECONDS) -> list[Received]:
        """The first events, so many of them, each partition in its order."""
        return self.read(self.kafka.output_topic, lambda got: len(got) >= count, seconds)

    def dead_letters(self, count: int, seconds: float = READ_SECONDS) -> list[Received]:
        """The first dead letters."""
        return self.read(self.kafka.dead_letter_topic, lambda got: len(got) >= count, seconds)

    def read(
        self, topic: str, enough: Callable[[list[Received]], bool], seconds: float = READ_SECONDS
    ) -> list[Received]:
        """Read from the beginning, `read_committed`, until it is enough. Raises AssertionError."""
        got: list[Received] = []
        with reader(self._servers, topic) as consumer:
            until = time.monotonic() + seconds
            while not enough(got):
                assert time.monotonic() < until, f"not within {seconds:g} s; {topic} has {len(got)}: {got[-3:]}"
                got += [_received(m) for m in consumer.consume(10_000, 0.2) if not m.error()]
        return got

    def _produce(
        self,
        value: bytes | None,
        key: bytes | None,
        partition: int = -1,
        headers: Sequence[tuple[str, bytes | None]] = (),
    ) -> None:
        while True:
            try:
                self._producer.produce(self.kafka.input_topic, value, key, partition, headers=list(headers))
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _flush(self) -> None:
        assert self._producer.flush(30) == 0, "not acknowledged"


class reader:  # noqa: N801 - reads as a function
    """A consumer of all partitions of a topic, from the beginning, without a group."""

    def __init__(self, servers: dict[str, str], topic: str) -> None:
        self._consumer = Consumer(
            servers
            | {
                "group.id": f"reader-{uuid.uuid4()}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        partitions = self._consumer.list_topics(topic, 10).topics[topic].partitions
        self._consumer.assign([TopicPartition(topic, number, 0) for number in partitions])

    def __enter__(self) -> Consumer:
        return self._consumer

    def __exit__(self, *_: object) -> None:
        self._consumer.close()


def by_sku(events: Iterable[Received]) -> dict[str, list[Body]]:
    """Events of each SKU in the order in which they stand in its partition."""
    found: dict[str, list[Body]] = {}
    for event in events:
        found.setdefault(event.body["sku"], []).append(event.body)
    return found


def _received(message: Message) -> Received:
    headers: Any = message.headers() or ()
    return Received(message.partition() or 0, message.offset() or 0, message.key(), message.value(), dict(headers))
