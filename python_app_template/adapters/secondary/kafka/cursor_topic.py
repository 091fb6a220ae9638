"""How far events have been published, as records of a compacted topic: written by the publisher, read from the tail."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from python_app_template.adapters import kafka_client
from python_app_template.adapters.kafka_errors import fault, kafka_errors
from python_app_template.core.delivery.faults import Halted, TransientError
from python_app_template.core.delivery.messages import Frame, Partition
from python_app_template.core.delivery.relaying import Cursor
from python_app_template.core.delivery.remedies import for_relay
from python_app_template.settings import Settings

WINDOW = 64
"""Offsets that the first look at the tail takes in: a cursor and its marker are two."""

GROWTH = 4
READ_SECONDS = 30.0
PRODUCER = "producer"
"""Header of a cursor: the transactional id of whoever wrote it."""


class CursorTopic:
    """The cursors of one outbox, under its transactional id as the key; others may keep theirs beside them."""

    def __init__(self, settings: Settings, transactional_id: str, window: int = WINDOW) -> None:
        self.partition = Partition(settings.kafka.positions_topic, 0)
        self._settings, self._window = settings, window
        self._key = transactional_id.encode()
        self._closed = False

    def close(self) -> None:
        """End what is being read, within a moment."""
        self._closed = True

    def record(self, cursor: Cursor) -> Frame:
        """Return the cursor as a record."""
        value = msgspec.json.encode({"number": cursor.number, "row_id": cursor.row_id})
        return Frame(self.partition.topic, self._key, value, [(PRODUCER, self._key)])

    async def last(self, start: int, end: int) -> Cursor | None:
        """Return the last committed cursor of a log with these bounds. Raises TransientError, or Halted.

        Only an empty read from the start means that there is none: aborted ones may fill any window.
        """
        return await asyncio.to_thread(self._last, start, end)

    async def holder(self, offset: int) -> str:
        """Say who wrote the record at this offset, committed or not."""
        try:
            found = await asyncio.to_thread(self._first_uncommitted, offset)
        except TransientError:
            found = None
        if found is None:
            return f"a transaction open since offset {offset}"
        producer = dict(found.headers() or ()).get(PRODUCER)
        name = f"transactional id {producer!r}" if producer else f"a producer that wrote key {found.key()!r}"
        return f"{name}, in a transaction open since offset {offset} (written at {found.timestamp()[1]} ms)"

    def _last(self, start: int, end: int) -> Cursor | None:
        for low in windows(start, end, self._window):
            found = [m for m in self._read(low, end) if m.key() == self._key]
            if found:
                return decoded(found[-1])
        return None

    def _first_uncommitted(self, offset: int) -> Message | None:
        return next(iter(self._read(offset, offset + 1, "read_uncommitted")), None)

    def _read(self, low: int, end: int, isolation: str = "read_committed") -> list[Message]:
        properties = kafka_client.tail_reader(self._settings) | {"isolation.level": isolation}
        with kafka_errors():
            reader = Consumer(properties, logger=kafka_client.LOGGER)
            try:
                reader.assign([TopicPartition(*self.partition, low)])
                return list(self._until(reader, end))
            finally:
                reader.close()

    def _until(self, reader: Consumer, end: int) -> Iterator[Message]:
        deadline = time.monotonic() + READ_SECONDS
        while time.monotonic() < deadline and not self._closed:
            first = reader.poll(0.1)  # consume() alone would wait its whole time
            for message in [] if first is None else [first, *reader.consume(500, 0)]:
                error = message.error()
                if error is None:
                    yield message
                elif error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name
                    raise fault(error)
                if offset_after(message) >= end:
                    return
        raise TransientError(f"Kafka: {self.partition.topic} was not read to offset {end}", code="TIMED_OUT")


def windows(start: int, end: int, first: int) -> Iterator[int]:
    """Return where to begin reading: ever farther from the end, at last at the start."""
    size = first
    while end - size > start:
        yield end - size
        size *= GROWTH
    yield start


def offset_after(message: Message) -> int:
    """Return what was read up to; the end of a partition says so itself."""
    offset = message.offset() or 0
    return offset if message.error() else offset + 1


def decoded(message: Message) -> Cursor:
    """Return the cursor of a record."""
    try:
        value: dict[str, Any] = msgspec.json.decode(message.value() or b"")
        return Cursor(int(value["number"]), str(value["row_id"]))
    except (ValueError, KeyError, TypeError) as e:
        found = f"{message.value()!r} at offset {message.offset()} of {message.topic()}"
        remedy = for_relay("cursor_unreadable")
        raise Halted("relay", "cursor_unreadable", expected="a cursor", found=found, remedy=remedy) from e
