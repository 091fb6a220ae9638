"""One batch in the making: records as messages, within bounds of number, bytes and weight."""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from confluent_kafka import Message as Received

from python_app_template.core.delivery.messages import OTHER, Headers, Message, Partition, Record, Refused

C = TypeVar("C")

NO_NAME = Refused("undecodable", "a header's name is not UTF-8")

Decode: TypeAlias = Callable[[Record], Message[C]]


class Bounds(NamedTuple):
    """How much a batch may hold; one message it holds, however large."""

    messages: int
    bytes: int
    weight: int


class Gathering(Generic[C]):
    """Takes records until one does not fit. `begun`: the batch has messages already, these are more of them."""

    def __init__(self, decode: Decode[C], bounds: Bounds, *, begun: bool = False) -> None:
        self._decode, self._begun = decode, begun
        self.room, self._bytes, self._weight = bounds
        self.messages: list[Message[C]] = []
        self.ends: dict[Partition, int] = {}

    def take(self, partition: Partition, received: Received) -> bool:
        """Add a message, unless it does not fit: then nothing more does."""
        key, value, headers = received.key(), received.value(), _headers(received)
        offset, (_, timestamp) = received.offset() or 0, received.timestamp()
        record = Record(partition, offset, timestamp, key, value, headers or ())
        message = Message(record, OTHER, NO_NAME) if headers is None else self._decode(record)
        size = len(key or b"") + len(value or b"")
        if (self.messages or self._begun) and (self.room < 1 or size > self._bytes or message.weight > self._weight):
            self.room = 0
            return False
        self.room -= 1
        self._bytes -= size
        self._weight -= message.weight
        self.messages.append(message)
        return True

    @property
    def left(self) -> Bounds:
        """What may be added yet."""
        return Bounds(self.room, self._bytes, self._weight)

    def by_partition(self) -> Mapping[Partition, Sequence[Message[C]]]:
        """Return the messages of each partition."""
        found: dict[Partition, list[Message[C]]] = {}
        for message in self.messages:
            found.setdefault(message.record.partition, []).append(message)
        return found


def _headers(received: Received) -> Headers | None:
    """Return a record's headers; None: they can not be had."""
    try:
        return received.headers() or ()  # type: ignore[return-value] # a list whose values are bytes
    except UnicodeDecodeError:
        return None
