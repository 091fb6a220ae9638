"""A topic followed from a place that is kept elsewhere: on a thread, many records at a time, their values alone."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from python_app_template.adapters import kafka_client
from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.adapters.kafka_errors import fault, kafka_errors
from python_app_template.adapters.secondary.kafka.reading import logs
from python_app_template.core.delivery.following import Bounds, Place
from python_app_template.core.ports.following import Followed, Stretch
from python_app_template.settings import Settings

E = TypeVar("E")

WAIT_SECONDS = 0.2
CLOSE_SECONDS = 2.0
"""How long to wait, at most, for a consumer to end."""


class KafkaFollowed(Followed[E], Generic[E]):
    """As the port says. Used by one task at a time."""

    def __init__(
        self, settings: Settings, topic: str, decode: Callable[[bytes], E | None], limit: int, admin: KafkaAdmin
    ) -> None:
        self._settings, self._topic, self._decode, self._limit, self._admin = settings, topic, decode, limit, admin
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="followed")  # the consumer's own
        self._consumer: Consumer | None = None

    async def look(self) -> Bounds:
        """As the port says."""
        topic, found = await asyncio.gather(self._admin.topic(self._topic), logs(self._admin, self._topic))
        starts = {partition.number: log.start for partition, log in found.items()}
        return Bounds(topic.id, starts, {partition.number: log.stable_end for partition, log in found.items()})

    async def start(self, place: Place) -> None:
        """As the port says."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._start, place)

    async def read(self) -> Stretch[E]:
        """As the port says."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read)

    def close(self) -> None:
        """Leave nothing behind; waits for a read that is under way."""
        self._thread.submit(self._end).result()
        self._thread.shutdown()

    def _start(self, place: Place) -> None:
        self._end()  # one that has read from a topic that was made anew would go on as if it had not been
        with kafka_errors():
            self._consumer = Consumer(kafka_client.tail_reader(self._settings), logger=kafka_client.LOGGER)
            self._consumer.assign([TopicPartition(self._topic, *at) for at in place.offsets.items()])

    def _end(self) -> None:
        if self._consumer is None:
            return
        consumer, self._consumer = self._consumer, None
        # One that was made as the broker went may never end: nobody waits for it any longer.
        closing = threading.Thread(target=consumer.close, name="followed-end", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)

    def _read(self) -> Stretch[E]:
        assert self._consumer is not None, "start() comes first"  # noqa: S101
        with kafka_errors():
            first = self._consumer.poll(WAIT_SECONDS)  # consume() alone would wait its whole time
            if first is None:
                return Stretch()
            return self._stretch([first, *self._consumer.consume(self._limit - 1, 0)])

    def _stretch(self, messages: Sequence[Message]) -> Stretch[E]:
        events, offsets, decode = [], {}, self._decode
        for message in messages:
            error, value = message.error(), message.value()
            if error is None:
                offsets[message.partition() or 0] = (message.offset() or 0) + 1
                if value is not None and (event := decode(value)) is not None:
                    events.append(event)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name
                offsets[message.partition() or 0] = message.offset() or 0
            else:
                raise fault(error)
        return Stretch(events, offsets)


@asynccontextmanager
async def followed(
    settings: Settings, topic: str, decode: Callable[[bytes], E | None], limit: int, admin: KafkaAdmin
) -> AsyncIterator[KafkaFollowed[E]]:
    """Follow a topic, at most so many records at a time. `decode` never raises; None: nothing to tell of it."""
    log = KafkaFollowed(settings, topic, decode, limit, admin)
    try:
        yield log
    finally:
        await asyncio.to_thread(log.close)
