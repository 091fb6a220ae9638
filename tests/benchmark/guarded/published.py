"""How large events are as Kafka's protocol counts them: key, value and headers, uncompressed, without the framing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

PATIENCE: Final = 30.0


class Published:
    """A topic, of which only what is committed is read."""

    def __init__(self, servers: str, topic: str, partitions: int) -> None:
        self._servers, self._topic, self._partitions = servers, topic, range(partitions)

    def ends(self) -> Mapping[int, int]:
        """Return where each partition ends now."""
        with self._consumer() as consumer:
            return {
                n: consumer.get_watermark_offsets(TopicPartition(self._topic, n), PATIENCE)[1] for n in self._partitions
            }

    def bytes_per_event(self, begin: Mapping[int, int]) -> float:
        """Return the mean size of what was published since."""
        sizes = [size(message) for message in self._read(begin)]
        return sum(sizes) / len(sizes)

    def _read(self, begin: Mapping[int, int]) -> Iterator[Message]:
        with self._consumer() as consumer:
            consumer.assign([TopicPartition(self._topic, number, offset) for number, offset in begin.items()])
            ends = set[int]()
            while len(ends) < len(begin):
                message = consumer.poll(PATIENCE)
                assert message is not None, "the broker does not answer"
                if (error := message.error()) is None:
                    yield message
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error  # noqa: SLF001 - its name
                    ends.add(message.partition() or 0)

    @contextmanager
    def _consumer(self) -> Iterator[Consumer]:
        only_committed = {"isolation.level": "read_committed", "enable.partition.eof": True}
        consumer = Consumer({"bootstrap.servers": self._servers, "group.id": "bench"} | only_committed)
        try:
            yield consumer
        finally:
            consumer.close()


def size(message: Message) -> int:
    """Return the bytes of a record's key, value and headers; without key or value, of what there is."""
    headers: list[tuple[str, bytes | None]] = message.headers() or []  # type: ignore[assignment] # values are bytes
    parts = [message.key(), message.value(), *(part for name, value in headers for part in (name.encode(), value))]
    return sum(len(part) for part in parts if part)
