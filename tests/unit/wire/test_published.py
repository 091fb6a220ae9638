"""What was published is read again as what it was."""

from datetime import UTC, date, datetime

import pytest

from python_app_template.adapters.wire.events import encode
from python_app_template.adapters.wire.published import decode
from python_app_template.core.delivery.messages import Fact, Partition, Record
from python_app_template.core.domain.events import (
    BatchCreated,
    BatchQuantityChanged,
    Event,
    LineAllocated,
    LineDeallocated,
    LineOutOfStock,
    LineRejected,
)

EVENTS: list[Event] = [
    BatchCreated("S", 1, "b", 5, date(2026, 12, 1)),
    BatchQuantityChanged("S", 2, "b", 4),
    LineAllocated("S", 3, "o", 0, 2, "b", None),
    LineDeallocated("S", 4, "o", 0, 2, "b", "quantity_changed"),
    LineOutOfStock("S", 5, "o", 1, 7),
]


def published(event: Event) -> bytes:
    cause = Record(Partition("raw-push", 2), 1041, 0, None, None)
    [frame] = encode([Fact(event, cause, datetime.now(UTC))], "allocations", "test")
    return frame.value or b""


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_comes_back(event: Event) -> None:
    assert decode(published(event)) == event


def test_a_rejected_line_belongs_to_no_known_sku() -> None:
    assert decode(published(LineRejected("NEVER", "o", 0, 1))) is None


@pytest.mark.parametrize(
    "value", [b"", b"{", b"[]", b'{"type":"line.moved","sku":"S","version":9}', b'{"type":"line.allocated","sku":1}']
)
def test_what_this_version_does_not_know_is_passed_over(value: bytes) -> None:
    assert decode(value) is None
