"""A broker as tests see it: topics written to, truncated, made anew, and read."""

import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from python_app_template.adapters.kafka_admin import LAST
from python_app_template.core.delivery.messages import Partition
from tests.processes import wait_until

SILENT = logging.getLogger("tests.librdkafka")
SILENT.addHandler(logging.NullHandler())
SILENT.propagate = False
"""What librdkafka has to say of producers that are thrown away."""

NO_DATABASE = "postgresql+asyncpg://nobody@127.0.0.1:1/none"


class Broker:
    """Everything blocks, for a short time."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.properties: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap_servers}
        self._admin = AdminClient(self.properties, logger=SILENT)
        self._producer = Producer(self.properties | {"linger.ms": 0}, logger=SILENT)

    def produce(self, partition: Partition, *values: bytes, key: bytes | None = None) -> None:
        """Write records; they are acknowledged when this returns."""
        for value in values:
            self._producer.produce(partition.topic, value, key, partition.number)
        assert self._producer.flush(10) == 0

    def produce_in_transaction(self, partition: Partition, *values: bytes, abort: bool = False) -> None:
        """Write records and the marker of a transaction's end."""
        producer = self.begin()
        for value in values:
            producer.produce(partition.topic, value, None, partition.number)
        producer.flush(10)
        producer.abort_transaction(10) if abort else producer.commit_transaction(10)
        self._await_marker(partition)

    def begin(self, transactional_id: str | None = None, **properties: Any) -> Producer:
        """Open a transaction."""
        own = {"transactional.id": transactional_id or str(uuid.uuid4()), "linger.ms": 0}
        producer = Producer(self.properties | own | properties, logger=SILENT)
        producer.init_transactions(10)
        producer.begin_transaction()
        return producer

    def read(self, topic: str, partitions: int, isolation: str = "read_committed") -> list[Message]:
        """Return all records of a topic, partition after partition."""
        return [m for number in range(partitions) for m in self._log(Partition(topic, number), isolation)]

    def end(self, partition: Partition, isolation: IsolationLevel = IsolationLevel.READ_UNCOMMITTED) -> int:
        """Return where the log ends, for a reader of this kind."""
        (asked,) = self._admin.list_offsets({TopicPartition(*partition): LAST}, isolation_level=isolation).values()
        return int(asked.result(10).offset)

    def truncate(self, partition: Partition, before: int) -> None:
        """Delete the records below an offset."""
        for deleted in self._admin.delete_records([TopicPartition(*partition, before)]).values():
            deleted.result(10)

    def create(self, topic: str, partitions: int, properties: Mapping[str, str] | None = None) -> None:
        """Make a topic."""
        new = NewTopic(topic, partitions, 1, config=dict(properties or {}))
        for made in self._admin.create_topics([new]).values():
            made.result(10)

    def create_when_gone(self, topic: str, partitions: int) -> None:
        """Make a topic that is being deleted anew."""
        wait_until(lambda: not self.exists(topic))
        self.create(topic, partitions)

    def exists(self, topic: str) -> bool:
        """Whether there is a topic of this name."""
        return topic in self._admin.list_topics(timeout=10).topics

    def delete(self, *topics: str) -> None:
        """Delete topics."""
        for deleted in self._admin.delete_topics(list(topics)).values():
            deleted.result(10)

    def committed(self, group: str, partition: Partition) -> int:
        """Return the offset that a group's members have told the broker."""
        with self._reader(group) as reader:
            return reader.committed([TopicPartition(*partition)], 10)[0].offset

    def await_committed(self, group: str, partition: Partition, offset: int) -> None:
        """Wait until the group's members have told that."""
        wait_until(lambda: self.committed(group, partition) == offset)

    def _await_marker(self, partition: Partition) -> None:
        """Wait for the mark of a transaction's end: it is written after the answer."""
        wait_until(
            lambda: self.end(partition) == self.end(partition, IsolationLevel.READ_COMMITTED),
            explain=lambda: "a transaction stays open",
        )

    def _log(self, partition: Partition, isolation: str) -> Iterator[Message]:
        self._await_marker(partition)
        with self._reader("tests", isolation) as reader:
            reader.assign([TopicPartition(*partition, 0)])
            while True:
                message = reader.poll(10)
                assert message is not None, f"{partition} was not read to its end"
                error = message.error()
                if error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name
                    return
                assert error is None
                yield message

    @contextmanager
    def _reader(self, group: str, isolation: str = "read_committed") -> Iterator[Consumer]:
        own = {"group.id": group, "isolation.level": isolation, "enable.partition.eof": True, "fetch.wait.max.ms": 10}
        reader = Consumer(self.properties | own | {"auto.offset.reset": "earliest"}, logger=SILENT)
        try:
            yield reader
        finally:
            reader.close()


def values(messages: Sequence[Message]) -> list[bytes | None]:
    """Return what the records say."""
    return [m.value() for m in messages]
