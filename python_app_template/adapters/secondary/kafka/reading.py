"""Logs read by no group, from an offset to an end that was looked up before."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from python_app_template.adapters import kafka_client
from python_app_template.adapters.kafka_admin import Bounds, KafkaAdmin
from python_app_template.adapters.kafka_errors import fault, kafka_errors
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.delivery.messages import Partition
from python_app_template.settings import Settings

PAGE = 1000
SILENT_SECONDS = 30.0
"""How long nothing may come: a transaction that its producer left open holds readers up until its time is over."""

NEWBORN = frozenset({"NOT_LEADER_FOR_PARTITION", "LEADER_NOT_AVAILABLE", "UNKNOWN_TOPIC_OR_PART"})
"""What a broker says of a topic that was made a moment ago."""
NEWBORN_SECONDS = 4.0


async def logs(admin: KafkaAdmin, name: str) -> dict[Partition, Bounds]:
    """Return where the topic's partitions begin and end now. Raises TransientError."""
    partitions = [Partition(name, number) for number in range((await admin.topic(name)).partitions)]
    return await _all_bounds(admin, partitions)


async def bounds(admin: KafkaAdmin, partition: Partition) -> Bounds:
    """Return where a log begins and ends, also of a topic that was made a moment ago. Raises TransientError."""
    return (await _all_bounds(admin, [partition]))[partition]


@retry(
    retry=retry_if_exception(lambda error: isinstance(error, TransientError) and error.code in NEWBORN),
    stop=stop_after_delay(NEWBORN_SECONDS),
    wait=wait_fixed(0.05),
    reraise=True,
)
async def _all_bounds(admin: KafkaAdmin, partitions: Sequence[Partition]) -> dict[Partition, Bounds]:
    return await admin.all_bounds(partitions)


async def pages(settings: Settings, partition: Partition, start: int, end: int) -> AsyncGenerator[list[Message], None]:
    """Yield the committed records with start <= offset < end, in order. Raises TransientError."""
    if start >= end:
        return
    with ThreadPoolExecutor(1) as thread:  # the consumer's own: it is closed after the call that is under way
        loop = asyncio.get_running_loop()
        reader = await loop.run_in_executor(thread, _Reader, settings, partition, start, end)
        try:
            while not reader.done:
                if page := await loop.run_in_executor(thread, reader.page):
                    yield page
        finally:
            thread.submit(reader.close)


class _Reader:
    """Blocks."""

    def __init__(self, settings: Settings, partition: Partition, start: int, end: int) -> None:
        self._name, self._end, self.done = f"{partition.topic}, partition {partition.number},", end, False
        self._heard = time.monotonic()
        with kafka_errors():
            self._consumer = Consumer(kafka_client.tail_reader(settings), logger=kafka_client.LOGGER)
            self._consumer.assign([TopicPartition(*partition, start)])

    def page(self) -> list[Message]:
        first = self._consumer.poll(0.1)  # consume() alone would wait its whole time
        if first is None:
            if time.monotonic() - self._heard > SILENT_SECONDS:
                raise TransientError(
                    f"Kafka: {self._name} was not read to offset {self._end}; does a transaction stay open there?",
                    code="TIMED_OUT",
                )
            return []
        self._heard = time.monotonic()
        return [m for m in [first, *self._consumer.consume(PAGE, 0)] if self._is_meant(m)]

    def close(self) -> None:
        self._consumer.close()

    def _is_meant(self, message: Message) -> bool:
        error, offset = message.error(), message.offset() or 0
        if error is None:
            self.done = self.done or offset + 1 >= self._end
            return offset < self._end
        if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name
            raise fault(error)
        self.done = self.done or offset >= self._end
        return False
