"""A topic read from all its partitions at once, `read_committed`, by no group: nobody is disturbed."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from python_app_template.adapters import kafka_client
from python_app_template.adapters.kafka_admin import Bounds, KafkaAdmin
from python_app_template.adapters.kafka_errors import fault, kafka_errors
from python_app_template.cli.faults import SILENCE, CommandFailed, broker_needed
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.messages import Partition
from python_app_template.settings import Settings

ANSWER_SECONDS = 4.0
"""How long a person waits for a broker that does not answer."""

NEWBORN = frozenset({"NOT_LEADER_FOR_PARTITION", "LEADER_NOT_AVAILABLE", "UNKNOWN_TOPIC_OR_PART"})
"""What a broker says of a topic that was made a moment ago."""

CHUNK = 1000
LOOK_SECONDS = 0.2


def partitions(settings: Settings, topic: str) -> Sequence[Partition]:
    """Return a topic's partitions. Raises CommandFailed when there is none of that name, or nobody to ask."""
    with broker_needed(settings):
        return asyncio.run(_partitions(KafkaAdmin(settings, ANSWER_SECONDS), topic))


def logs(settings: Settings, topic: str) -> Mapping[int, Bounds]:
    """Return where the topic's partitions begin and end now. Raises CommandFailed."""
    with broker_needed(settings):
        return asyncio.run(topic_logs(KafkaAdmin(settings, ANSWER_SECONDS), topic))


async def _partitions(admin: KafkaAdmin, topic: str) -> Sequence[Partition]:
    found = (await admin.topics([topic]))[topic]
    if found is None:
        raise CommandFailed(f"there is no topic {topic}; create what is missing: python-app-template topics create")
    return [Partition(topic, number) for number in range(found.partitions)]


async def topic_logs(admin: KafkaAdmin, topic: str) -> Mapping[int, Bounds]:
    """Return where the topic's partitions begin and end now. Raises TransientError, CommandFailed."""
    found = await _bounds(admin, await _partitions(admin, topic))
    return {partition.number: log for partition, log in found.items()}


@retry(
    retry=retry_if_exception(lambda error: isinstance(error, TransientError) and error.code in NEWBORN),
    stop=stop_after_delay(ANSWER_SECONDS),
    wait=wait_fixed(0.05),
    reraise=True,
)
async def _bounds(admin: KafkaAdmin, partitions: Sequence[Partition]) -> Mapping[Partition, Bounds]:
    return await admin.all_bounds(partitions)


class Reader:
    """Hands out what is committed from some offsets on."""

    def __init__(self, consumer: Consumer, partitions: Iterable[int]) -> None:
        self._consumer = consumer
        self._behind = set(partitions)

    def arriving(self, timeout: float | None = None, count: int | None = None) -> Iterator[list[Message]]:
        """Yield what comes, until that is `count`, or nothing new came for `timeout` seconds. Raises TransientError.

        Silence is what follows the end of every partition; a broker that lets us wait for that is given more time.
        """
        came, heard = 0, time.monotonic()
        while count is None or came < count:
            if records := self.read(LOOK_SECONDS, CHUNK if count is None else min(CHUNK, count - came)):
                came, heard = came + len(records), time.monotonic()
                yield records
            elif timeout is not None:
                patience = max(timeout, ANSWER_SECONDS) if self._behind else timeout
                if time.monotonic() - heard >= patience:
                    return

    def read(self, seconds: float, most: int = CHUNK) -> list[Message]:
        """Return what is there, after waiting for something no longer than this. Raises TransientError.

        A broker that is away is waited for, as a topic without news is.
        """
        first = self._consumer.poll(seconds)
        if first is None:
            return []
        rest = self._consumer.consume(most - 1, 0) if most > 1 else []
        return [message for message in (first, *rest) if self._is_record(message)]

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name
            self._behind.discard(message.partition() or 0)
        elif error.name().lstrip("_") not in SILENCE:
            raise fault(error)
        return False


@contextmanager
def reading(settings: Settings, topic: str, starts: Mapping[int, int]) -> Iterator[Reader]:
    """Open a reader at these offsets, by partition. Raises CommandFailed."""
    with broker_needed(settings):
        with kafka_errors():
            consumer = Consumer(kafka_client.tail_reader(settings), logger=kafka_client.LOGGER)
        try:
            consumer.assign([TopicPartition(topic, *start) for start in starts.items()])
            yield Reader(consumer, starts)
        finally:
            consumer.close()


def from_end(settings: Settings, topic: str) -> Mapping[int, int]:
    """Return the offsets at which the next record to become visible stands.

    A transaction that is open now is committed later, and new then: the end is where a `read_committed` reader stops.
    """
    return {number: bounds.stable_end for number, bounds in logs(settings, topic).items()}


def from_start(settings: Settings, topic: str) -> Mapping[int, int]:
    """Return the offsets of the oldest records there are."""
    return {number: bounds.start for number, bounds in logs(settings, topic).items()}
