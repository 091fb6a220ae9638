"""What the checker is given: plain values, whoever gathered them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

Headers: TypeAlias = Sequence[tuple[str, bytes | None]]
Place: TypeAlias = tuple[int, int]
"""Partition and offset of a message."""

PENDING = 1 << 62
"""Offsets from here on: records that are committed in the database and not yet in the topic, in their order."""


class Record(NamedTuple):
    """A record as it stands in a topic; the timestamp is in milliseconds since 1970."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: int = 0


class Decision(NamedTuple):
    """Who moved something, when (RFC 3339), and why, in the operator's own words."""

    by: str = ""
    at: str = ""
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.reason}, {self.at}, {self.by}"


class Move(NamedTuple):
    """A position that an operator moved: what stood between was skipped, or applied again."""

    partition: int
    from_offset: int
    to_offset: int
    decision: Decision = Decision()


class Passed(NamedTuple):
    """Records of the outbox rows that a move of the published cursor went over."""

    events: Sequence[Record] = ()
    dead_letters: Sequence[Record] = ()


class CursorMove(NamedTuple):
    """The published cursor, moved by an operator; before: None when there was none to be read."""

    before: int | None
    after: int
    skipped: Passed = Passed()
    """Taken for published; what really was is in the topic."""
    again: Passed = Passed()
    """Taken for not published; what was is published a second time."""
    decision: Decision = Decision()


class Log(NamedTuple):
    """A topic as it was read: how far its retention went, by partition, and where it ends."""

    starts: Mapping[int, int] = {}
    """The first offset that is still there; missing: 0."""
    ends: Mapping[int, int] = {}
    """The offset after the last; missing: nobody looked."""
    partitions: int | None = None
    """How many there are; None: nobody looked."""

    def start(self, partition: int) -> int:
        """Return the first offset there is."""
        return self.starts.get(partition, 0)

    @property
    def truncated(self) -> bool:
        """Whether retention took anything."""
        return any(self.starts.values())


class Outbox(NamedTuple):
    """Where the relay stands: the cursor's number and row id, None before the first one, and the database's side."""

    cursor: tuple[int, str] | None
    head: int
    """The last number given, read after the cursor was."""
    started: bool
    rows: Sequence[tuple[int, str]] = ()
    """Numbers and ids of the rows of the cut, in their order."""


class Cut(NamedTuple):
    """One moment of the database."""

    positions: Mapping[int, int]
    """Partition to `next_offset`; a partition without a row has had nothing applied."""
    seen_events: Mapping[int, int] | None = None
    """What could be read before the moment: the end of each partition of the events. None: nothing came after it."""
    seen_dead_letters: Mapping[int, int] | None = None
    moves: Sequence[Move] = ()
    """In the order in which they were made."""
    cursor_moves: Sequence[CursorMove] = ()
    """Likewise."""
    purged: bool = False
    """Orders that were done with may have been forgotten, and come again as new ones."""
    reborn: bool = False
    """The input topic was made anew: offsets of before mean other messages now."""
    outbox: Outbox | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All messages, and what is there of them. Records are read `read_committed`; only messages may not be left out."""

    messages: Sequence[Record]
    events: Sequence[Record]
    dead_letters: Sequence[Record] = ()
    tables: Any = None
    """The domain's rows (`books.Tables`); None: nobody looked."""
    cut: Cut | None = None
    """None: all messages are applied, and everything about them is published."""
    topic: str = "raw-push"
    """Where the messages stand, as causes name it."""
    message_log: Log = field(default_factory=Log)
    event_log: Log = field(default_factory=Log)
    dead_letter_log: Log = field(default_factory=Log)


class Violation(NamedTuple):
    """Something that the contract rules out. `kind` is a word or two; `text` names what, where and how."""

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


class ByHand(NamedTuple):
    """A difference that an operator made, and that is no violation. `kind`: `skipped` or `again`."""

    kind: str
    text: str
