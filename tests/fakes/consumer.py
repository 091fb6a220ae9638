"""What is used of confluent_kafka.Consumer, noting what it is told."""

from collections import deque

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from tests.builders import P

DOWN = KafkaError(KafkaError._ALL_BROKERS_DOWN)  # noqa: SLF001 - so librdkafka names its own errors


class FakeConsumer:
    """Notes what it is told; yields what it is given, the first by poll and the others by consume."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, int]] = []
        self.yields: deque[Message] = deque()
        self.refuses_seeks = self.interrupts = False
        self.fails: list[str] = []
        """What fails, each once."""
        self.lacks: set[int] = set()
        """Partitions that failed to be assigned."""

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self.lacks |= {tp.partition for tp in partitions}
        self._fail_if_told("assign")
        self.lacks -= {tp.partition for tp in partitions}
        self.told += [("assign", tp.partition, tp.offset) for tp in partitions]

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        if self.lacks & {tp.partition for tp in partitions}:
            raise KafkaException(KafkaError(KafkaError._INVALID_ARG))  # noqa: SLF001 - its name
        self._fail_if_told("unassign")
        self.told += [("unassign", tp.partition, 0) for tp in partitions]

    def pause(self, partitions: list[TopicPartition]) -> None:
        self._fail_if_told("pause")
        self.told += [("pause", tp.partition, 0) for tp in partitions]

    def resume(self, partitions: list[TopicPartition]) -> None:
        self._fail_if_told("resume")
        self.told += [("resume", tp.partition, 0) for tp in partitions]

    def seek(self, partition: TopicPartition) -> None:
        if self.refuses_seeks:
            raise KafkaException(KafkaError(KafkaError._STATE))  # noqa: SLF001 - its name
        self.told.append(("seek", partition.partition, partition.offset))

    def poll(self, _timeout: float) -> Message | None:
        return self.yields.popleft() if self.yields else None

    def consume(self, number: int, _timeout: float) -> list[Message]:
        if self.interrupts:
            raise KafkaException(DOWN)
        return [self.yields.popleft() for _ in range(min(number, len(self.yields)))]

    def _fail_if_told(self, what: str) -> None:
        if what in self.fails:
            self.fails.remove(what)
            raise KafkaException(DOWN)

    def forget(self) -> None:
        self.told.clear()


def received(offset: int, number: int = 0, value: bytes | None = b"1", error: KafkaError | None = None) -> Message:
    return Message(topic=P.topic, partition=number, offset=offset, value=value, error=error, timestamp=(1, 5))
