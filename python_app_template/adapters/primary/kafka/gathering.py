"""One batch in the making: records as messages, within bounds of number, bytes and weight."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

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
        self._left = bounds
        self.messages: list[Message[C]] = []
        self.ends: dict[Partition, int] = {}

    @property
    def room(self) -> int:
        """How many more messages fit, by number."""
        return self._left.messages

    def take(self, partition: Partition, received: Received) -> bool:
        """Add a message, unless it does not fit: then nothing more does."""
        offset, key, value = received.offset() or 0, received.key(), received.value()
        headers: Any = received.headers() or ()
        message = self._decode(Record(partition, offset, received.timestamp()[1], key, value, headers))
        size = len(key or b"") + len(value or b"")
        messages, room, weight = self._left
        if self.messages and (messages < 1 or size > room or message.weight > weight):
            self._left = Bounds(0, 0, 0)
            return False
        self._left = Bounds(messages - 1, room - size, weight - message.weight)
        self.messages.append(message)
        return True

    def by_partition(self) -> Mapping[Partition, Sequence[Message[C]]]:
        """Return the messages of each partition."""
        found: dict[Partition, list[Message[C]]] = {}
        for message in self.messages:
            found.setdefault(message.record.partition, []).append(message)
        return found
