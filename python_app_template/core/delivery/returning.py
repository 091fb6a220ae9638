"""Which dead letters go back to the input topic, and which stay. Pure."""

from collections.abc import Container
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from python_app_template.core.delivery.messages import Headers, Partition


class Place(NamedTuple):
    """Where a dead letter lies in its own topic; that never changes, so it is its name."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


class Origin(NamedTuple):
    """The record that it was made of; the timestamp is that record's, in milliseconds since 1970."""

    partition: Partition
    offset: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as it lies there: the message as received, and what its headers say of it."""

    place: Place
    written_at: int
    """When it became one, in milliseconds since 1970."""
    key: bytes | None
    value: bytes | None
    headers: Headers
    """As received, without any `dlq.*`."""
    origin: Origin | None
    """None: the headers do not tell, so that it is none of ours."""
    reason: str = ""
    detail: str = ""
    attempts: int = 0
    """How often it had been returned before it became this one."""
    truncated: int | None = None
    """How many bytes its value had, if it lies there without them."""
    service: str = ""

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self.key or b"") + len(self.value or b"")

    def with_value(self, value: bytes) -> "Letter":
        """The same with the bytes that it lost."""
        return replace(self, value=value)

    def without_body(self) -> "Letter":
        """The same, less what may be large."""
        return replace(self, value=None, headers=())


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant: what is empty or None lets all pass, the rest must all agree."""

    places: Container[Place] | None = None
    reasons: Container[str] | None = None
    keys: Container[bytes] | None = None
    since: int | None = None
    """Written then or later, in milliseconds since 1970."""
    until: int | None = None
    """Written before that."""
    partition: int | None = None
    """Of the origin."""
    first: int | None = None
    """The origin's offset at the least."""
    last: int | None = None

    def takes(self, letter: Letter) -> bool:
        """Whether it is meant."""
        return (
            (self.places is None or letter.place in self.places)
            and (self.reasons is None or letter.reason in self.reasons)
            and (self.keys is None or (letter.key is not None and letter.key in self.keys))
            and (self.since is None or letter.written_at >= self.since)
            and (self.until is None or letter.written_at < self.until)
            and self._takes_origin(letter.origin)
        )

    def _takes_origin(self, origin: Origin | None) -> bool:
        if self.partition is None and self.first is None and self.last is None:
            return True
        return (
            origin is not None
            and self.partition in (None, origin.partition.number)
            and (self.first is None or origin.offset >= self.first)
            and (self.last is None or origin.offset <= self.last)
        )


class Fate(StrEnum):
    """What becomes of a letter that is meant."""

    SENT = "sent"
    RETURNED = "returned before"
    EXHAUSTED = "returned too often"
    FOREIGN = "foreign"
    """It does not come from the input topic."""
    BYTES_LOST = "bytes lost"
    """It was truncated, and its bytes are not kept."""


def judge(letter: Letter, returned: Container[Place], topic: str, most: int) -> Fate:
    """Say what may become of it: it goes back once, to the topic that it came from, and `most` times at all."""
    if letter.place in returned:
        return Fate.RETURNED
    if letter.origin is None or letter.origin.partition.topic != topic:
        return Fate.FOREIGN
    return Fate.SENT if letter.attempts < most else Fate.EXHAUSTED
