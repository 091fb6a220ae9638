"""What the outside world does: produce messages, consume events and dead letters, as CONTRACT says it may."""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined] # public, but for the stubs
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)
from confluent_kafka.cimpl import NewPartitions

from python_app_template.adapters.kafka_admin import LAST
from python_app_template.settings import Settings
from tests.processes import wait_until

Body: TypeAlias = dict[str, Any]
Headers: TypeAlias = Sequence[tuple[str, bytes | None]]

READ_SECONDS = 60.0
BY_KEY = -1


class Received(NamedTuple):
    """A record as it stands in a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    header_list: Headers = ()
    timestamp: int = 0

    @property
    def headers(self) -> dict[str, bytes | None]:
        """By name; of several the last."""
        return dict(self.header_list)

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
        self.kafka = settings.kafka
        self._servers: dict[str, str | int | float | bool] = {
            "bootstrap.servers": settings.kafka.bootstrap_servers,
            "log_level": 2,  # a broker that goes away is what some tests are about
        }
        self._producer = Producer(
            self._servers
            | {
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                # The broker judges what is packed, and takes large messages that pack well.
                "compression.type": "lz4",
                "message.max.bytes": 100_000_000,
                "batch.size": 500_000,
            }
        )
        self._admin = AdminClient(self._servers)
        self.sent: list[Received] = []
        """All that was ever sent, as it stands in the topic."""

    # In

    def send(self, *messages: Body, partition: int = BY_KEY) -> list[Received]:
        """Produce messages keyed as the contract says; acknowledged when it returns where they stand."""
        return self.send_records([(json.dumps(m).encode(), key_of(m), ()) for m in messages], partition)

    def send_raw(
        self, value: bytes | None, key: bytes | None = None, partition: int = BY_KEY, headers: Headers = ()
    ) -> Received:
        """Produce one record as it is."""
        return self.send_records([(value, key, headers)], partition)[0]

    def send_records(
        self, records: Iterable[tuple[bytes | None, bytes | None, Headers]], partition: int = BY_KEY
    ) -> list[Received]:
        """Produce records as they are: value, key, headers."""
        places: list[tuple[int, int] | None] = []
        given = list(records)
        for value, key, headers in given:
            report = partial(_note_place, places, len(places))
            places.append(None)
            self._produce(value, key, partition, headers, report)
        assert self._producer.flush(60) == 0, "not acknowledged"
        made = [
            Received(*place, key, value, headers)
            for place, (value, key, headers) in zip(places, given, strict=True)
            if place
        ]
        assert len(made) == len(given), "not acknowledged"
        self.sent += made
        return made

    # Out, `read_committed`, from the beginning

    def events(self, count: int, seconds: float = READ_SECONDS) -> list[Received]:
        """The first events, so many of them at the least, each partition in its order."""
        return self.read(self.kafka.output_topic, lambda got: len(got) >= count, seconds)

    def events_of(self, sku: str, count: int, seconds: float = READ_SECONDS) -> list[Received]:
        """The events of one SKU, in their order, once there are so many at the least."""
        key = sku.encode()
        got = self.read(self.kafka.output_topic, lambda got: sum(e.key == key for e in got) >= count, seconds)
        return [event for event in got if event.key == key]

    def dead_letters(self, count: int, seconds: float = READ_SECONDS) -> list[Received]:
        """The first dead letters, so many at the least."""
        return self.read(self.kafka.dead_letter_topic, lambda got: len(got) >= count, seconds)

    def dead_letters_of(self, sent: Sequence[Received], seconds: float = READ_SECONDS) -> list[Received]:
        """The dead letters of these messages, in the order of `sent`, once all are there."""
        wanted = [(m.partition, m.offset) for m in sent]

        def found(got: list[Received]) -> dict[tuple[int, int], Received]:
            by_origin = {origin_of(letter): letter for letter in got}
            return {place: by_origin[place] for place in wanted if place in by_origin}

        got = self.read(self.kafka.dead_letter_topic, lambda got: len(found(got)) == len(wanted), seconds)
        return [found(got)[place] for place in wanted]

    def all_events(self) -> list[Received]:
        """What is there by now."""
        return self.read_to_end(self.kafka.output_topic)

    def all_dead_letters(self) -> list[Received]:
        """What is there by now."""
        return self.read_to_end(self.kafka.dead_letter_topic)

    def read(
        self, topic: str, enough: Callable[[list[Received]], bool], seconds: float = READ_SECONDS
    ) -> list[Received]:
        """Read until it is enough. Raises AssertionError."""
        got: list[Received] = []
        with reader(self._servers, topic) as (consumer, _):
            until = time.monotonic() + seconds
            while not enough(got):
                assert time.monotonic() < until, f"not within {seconds:g} s; {topic} has {len(got)}: {got[-3:]}"
                got += [received(m) for m in _consumed(consumer) if m.error() is None]
        return got

    def read_to_end(self, topic: str, isolation: str = "read_committed") -> list[Received]:
        """Read what is there by now."""
        got: list[Received] = []
        if isolation == "read_committed":
            self._await_marks(topic)
        with reader(self._servers, topic, isolation) as (consumer, partitions):
            left, until = set(partitions), time.monotonic() + READ_SECONDS
            while left:
                assert time.monotonic() < until, f"partitions {left} of {topic} have no end"
                for message in _consumed(consumer):
                    error = message.error()
                    if error is None:
                        got.append(received(message))
                    elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name
                        left.discard(message.partition() or 0)
        return got

    # What tools see

    def log_ends(self) -> dict[int, int]:
        """Where each partition of the input topic ends."""
        return self._ends(self.kafka.input_topic, IsolationLevel.READ_COMMITTED)

    def committed_offsets(self) -> dict[int, int]:
        """What the group has told Kafka; for lag tools only."""
        asked = ConsumerGroupTopicPartitions(self.kafka.group_id)
        (future,) = self._admin.list_consumer_group_offsets([asked]).values()
        found = future.result(30).topic_partitions
        return {tp.partition: tp.offset for tp in found if tp.topic == self.kafka.input_topic and tp.offset >= 0}

    def members(self) -> int:
        """How many members the group has."""
        (future,) = self._admin.describe_consumer_groups([self.kafka.group_id]).values()
        return len(future.result(30).members)

    def delete_records(self, before: Mapping[int, int]) -> None:
        """Let retention take what stands before these offsets of the input topic."""
        topic = self.kafka.input_topic
        for done in self._admin.delete_records([TopicPartition(topic, p, o) for p, o in before.items()]).values():
            done.result(30)

    def add_partitions(self, name: str, count: int) -> None:
        """Raise a topic's number of partitions."""
        for done in self._admin.create_partitions([NewPartitions(name, count)]).values():
            done.result(30)

    def set_property(self, topic: str, name: str, value: str) -> None:
        """Change a topic's configuration."""
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
        (asked,) = self._admin.incremental_alter_configs([resource]).values()
        asked.result(30)

    def delete_topics(self, names: Sequence[str]) -> None:
        """Delete topics, and wait until they are gone."""
        for done in self._admin.delete_topics(list(names)).values():
            done.result(30)
        until = time.monotonic() + READ_SECONDS
        while there := {*names} & self._admin.list_topics(timeout=10).topics.keys():
            assert time.monotonic() < until, f"{there} are still there"

    def _ends(self, topic: str, isolation: IsolationLevel) -> dict[int, int]:
        numbers = self._admin.list_topics(topic, 30).topics[topic].partitions
        places = {TopicPartition(topic, number): LAST for number in numbers}
        asked = self._admin.list_offsets(places, isolation_level=isolation)
        return {place.partition: int(end.result(30).offset) for place, end in asked.items()}

    def _await_marks(self, topic: str) -> None:
        """Whoever commits a transaction hears of it a moment before its marks are written, and before readers do."""
        ends = self._ends(topic, IsolationLevel.READ_UNCOMMITTED)

        def are_written() -> bool:
            stable = self._ends(topic, IsolationLevel.READ_COMMITTED)
            return all(stable[number] >= end for number, end in ends.items())

        wait_until(are_written, explain=lambda: f"a transaction stays open in {topic}")

    def _produce(
        self, value: bytes | None, key: bytes | None, partition: int, headers: Headers, report: Callable[..., None]
    ) -> None:
        topic = self.kafka.input_topic
        while True:
            try:
                self._producer.produce(topic, value, key, partition, report, headers=list(headers))
            except BufferError:
                self._producer.poll(0.1)
            else:
                return


class reader:  # noqa: N801 - reads as a function
    """A consumer of all partitions of a topic, from the beginning, without a group; and their numbers."""

    def __init__(
        self, servers: Mapping[str, str | int | float | bool], topic: str, isolation: str = "read_committed"
    ) -> None:
        self._consumer = Consumer(
            dict(servers)
            | {
                "group.id": f"reader-{uuid.uuid4()}",
                "isolation.level": isolation,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
            }
        )
        self._partitions = sorted(self._consumer.list_topics(topic, 30).topics[topic].partitions)
        self._consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in self._partitions])

    def __enter__(self) -> tuple[Consumer, Sequence[int]]:
        return self._consumer, self._partitions

    def __exit__(self, *_: object) -> None:
        self._consumer.close()


def by_sku(events: Iterable[Received]) -> dict[str, list[Body]]:
    """Events of each SKU in the order in which they stand in its partition."""
    found: dict[str, list[Body]] = {}
    for event in events:
        body = event.body
        found.setdefault(body["sku"], []).append(body)
    return found


def origin_of(dead_letter: Received) -> tuple[int, int]:
    """Partition and offset that a dead letter had in the input topic."""
    headers = dead_letter.headers
    return int(headers["dlq.partition"] or b""), int(headers["dlq.offset"] or b"")


def reason_of(dead_letter: Received) -> str:
    """Why it is one."""
    return (dead_letter.headers["dlq.reason"] or b"").decode()


def received(message: Message) -> Received:
    """Take a record out of librdkafka's hands."""
    headers: Any = message.headers() or ()
    place = message.partition() or 0, message.offset() or 0
    return Received(*place, message.key(), message.value(), tuple(headers), message.timestamp()[1])


def _consumed(consumer: Consumer) -> list[Message]:
    """One after a wait, and what is there with it: to ask for many at once would wait the whole time."""
    first = consumer.poll(0.2)
    return [] if first is None else [first, *consumer.consume(10_000, 0)]  # without a value it is falsy


def _note_place(places: list[tuple[int, int] | None], number: int, error: KafkaError | None, message: Message) -> None:
    if error is None:
        places[number] = message.partition() or 0, message.offset() or 0
