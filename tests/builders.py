"""Values for tests: plain functions with defaults."""

from collections.abc import Sequence

from python_app_template.core.delivery.messages import Batch, Message, Partition, Record, Span
from python_app_template.core.delivery.positions import Log, Position

P = Partition("raw-push", 0)
Q = Partition("raw-push", 1)
GROUP = "group"
TOPIC_ID = "topic-id"


def record(offset: int, partition: Partition = P, value: bytes | None = b"") -> Record:
    return Record(partition, offset, 0, None, value)


def message(offset: int, partition: Partition = P) -> Message[int]:
    """A message whose command is its offset."""
    return Message(record(offset, partition), "test", offset)


def messages(*offsets: int, partition: Partition = P) -> list[Message[int]]:
    return [message(offset, partition) for offset in offsets]


def batch(*offsets: int, start: int | None = None, end: int | None = None, epoch: int = 1) -> Batch[int]:
    """A batch of P: by default its span is what the messages need."""
    first = offsets[0] if start is None else start
    last = offsets[-1] + 1 if end is None else end
    return Batch(messages(*offsets), [Span(P, epoch, first, last)])


def position(next_offset: int = 0, partition: Partition = P, *, epoch: int = 1, group: str = GROUP) -> Position:
    return Position(partition, group, TOPIC_ID, epoch, next_offset)


def log(end: int = 1000, *, start: int = 0, topic_id: str = TOPIC_ID) -> Log:
    return Log(topic_id, start, end)


def offsets(found: Sequence[Message[int]]) -> list[int]:
    return [m.record.offset for m in found]
