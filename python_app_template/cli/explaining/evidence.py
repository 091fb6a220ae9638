"""What is found about an order in logs and tables. Yours: it knows how messages and events are written."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from python_app_template.adapters.secondary.postgres.stock.explained import Kept
from python_app_template.core.delivery.messages import Headers, Record
from python_app_template.core.delivery.relaying import Cursor
from python_app_template.core.delivery.returning import Letter

TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, 3.2."""


class Searched(NamedTuple):
    """A partition's log, and from where on it was searched; offsets."""

    partition: int
    start: int
    searched_from: int
    end: int


class Evidence(NamedTuple):
    """All of it."""

    order_id: str
    kept: Kept
    cursor: Cursor | None
    """How far events have been published; None: nobody knows."""
    messages: Sequence[Record]
    events: Sequence[Record]
    letters: Sequence[Letter]
    returned: frozenset[tuple[int, int]]
    """The places of dead letters that were returned."""
    refusals: Mapping[tuple[int, int], str]
    """By message, why it became a dead letter, as the table has it."""
    searched: Mapping[str, Sequence[Searched]]
    """By topic."""

    @property
    def knows_nothing(self) -> bool:
        """Whether nothing anywhere is about this order."""
        kept = self.kept
        return not (kept.order or kept.lines or kept.outbox or self.messages or self.events or self.letters)


class Mentions:
    """Tells whether a record is about an order: quickly that it is not, then for sure."""

    def __init__(self, order_id: str) -> None:
        self._order_id, self._key = order_id, order_id.encode()
        self._written = msgspec.json.encode(order_id)[1:-1]

    def __call__(self, key: bytes | None, value: bytes | None) -> bool:
        """Whether the value names it; what is no JSON is about the order that is its key."""
        if value is None:
            return key == self._key
        # Others may escape what we would not: such values have to be read.
        if self._written not in value and b"\\" not in value and key != self._key:
            return False
        found = body(value)
        return found.get("order_id") == self._order_id if found else key == self._key


def only(kept: Kept, mentions: Mentions) -> Kept:
    """Return the same with those records of the outbox alone that are about the order."""
    rows = [row._replace(frames=[f for f in row.frames if mentions(f.key, f.value)]) for row in kept.outbox]
    return kept._replace(outbox=[row for row in rows if row.frames])


def body(value: bytes | None) -> Mapping[str, Any]:
    """Return the object; an empty one if it is none."""
    try:
        found = msgspec.json.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def trace_id(headers: Headers) -> str | None:
    """Return the id of the trace that it belongs to, if it names one."""
    given = [value for name, value in headers if name == "traceparent" and value]
    found = TRACEPARENT.fullmatch(given[-1]) if given else None
    return found[1].decode() if found else None
