"""One batch in the making: records as messages, within bounds of number, bytes and weight."""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from confluent_kafka import Message as Received

from python_app_template.core.delivery.messages import Message, Partition, Record

C = TypeVar("C")

Decode: TypeAlias = Callable[[Record], Message[C]]


class Bounds(NamedTuple):
    """How much a batch may hold; one message it holds, however large."""

    messages: int
    bytes: int
    weight: int


class Gathering(Generic[C]):
    """Takes records until one does not fit."""

    def __init__(self, decode: Decode[C], bounds: Bounds) -> None:
        self._decode = decode
        self.room, self._bytes, self._weight = bounds
        self.messages: list[Message[C]] = []
        self.ends: dict[Partition, int] = {}

    def take(self, partition: Partition, received: Received) -> bool:
        """Add a message, unless it does not fit: then nothing more does."""
        key, value, headers = received.key(), received.value(), received.headers()
        offset, (_, timestamp) = received.offset() or 0, received.timestamp()
        message = self._decode(Record(partition, offset, timestamp, key, value, headers or ()))  # type: ignore[arg-type] # values are bytes
        size = len(key or b"") + len(value or b"")
        if self.messages and (self.room < 1 or size > self._bytes or message.weight > self._weight):
            self.room = 0
            return False
        self.room -= 1
        self._bytes -= size
        self._weight -= message.weight
        self.messages.append(message)
        return True

    def by_partition(self) -> Mapping[Partition, Sequence[Message[C]]]:
        """Return the messages of each partition."""
        found: dict[Partition, list[Message[C]]] = {}
        for message in self.messages:
            found.setdefault(message.record.partition, []).append(message)
        return found
