"""What an event has to be, field by field, before anything is made of it."""

import json
from typing import Any

import pytest

from python_app_template.audit.evidence import Record
from python_app_template.audit.heard import FIELDS, event_of, sorted_events
from tests.unit.audit.scene import CLEAN

CAUSE = {"topic": "raw-push", "partition": 2, "offset": 1041}
ALLOCATED: dict[str, Any] = {
    "type": "line.allocated",
    "id": "RED-CHAIR/17",
    "sku": "RED-CHAIR",
    "version": 17,
    "occurred_at": "2026-11-20T20:00:00.123456Z",
    "cause": CAUSE,
    "order_id": "order-001",
    "line": 0,
    "qty": 2,
    "batch_ref": "batch-001",
    "eta": None,
}
MORE = {"order_id": "o", "line": 0, "batch_ref": "b", "eta": None, "reason": "order_cancelled"}
OF_LINES = {"order_id", "line"}


def heard(body: object) -> Any:
    return event_of(Record(0, 0, None, json.dumps(body).encode()))


def test_the_contracts_own_example_is_an_event() -> None:
    assert heard(ALLOCATED) == ALLOCATED


def test_every_event_of_a_clean_story_is_one() -> None:
    assert all(event_of(record) for record in CLEAN.events)


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("batch.created", {"batch_ref", "eta"}),
        ("batch.quantity_changed", {"batch_ref"}),
        ("line.allocated", OF_LINES | {"batch_ref", "eta"}),
        ("line.deallocated", OF_LINES | {"batch_ref", "reason"}),
        ("line.out_of_stock", OF_LINES),
        ("line.rejected", OF_LINES | {"reason"}),
    ],
)
def test_an_event_has_all_fields_of_its_type(name: str, own: set[str]) -> None:
    """Section 4 of the contract; more fields do no harm."""
    due = own | {"type", "id", "sku", "version", "occurred_at", "cause", "qty"}
    body = ALLOCATED | MORE | {"type": name}
    assert FIELDS[name] == due
    assert heard(body) == body
    for field in due:
        assert heard({key: value for key, value in body.items() if key != field}) is None


@pytest.mark.parametrize(
    "more",
    [
        {"type": "line.lost"},
        {"type": 7},
        {"type": []},
        {"version": "17"},
        {"version": 17.0},
        {"version": True},
        {"qty": None},
        {"cause": None},
        {"cause": "raw-push/2@1041"},
        {"cause": {"partition": 2}},
        {"cause": {"offset": 2}},
        {"cause": CAUSE | {"offset": "1041"}},
        {"cause": CAUSE | {"partition": None}},
        {"id": 17},
        {"sku": None},
        {"order_id": 1},
        {"batch_ref": ["b"]},
        {"occurred_at": 0},
        {"occurred_at": "2026-11-20T20:00:00Z"},
        {"occurred_at": "2026-11-20T20:00:00.123Z"},
        {"occurred_at": "2026-11-20T20:00:00.123456+00:00"},
        {"occurred_at": " 2026-11-20T20:00:00.123456Z"},
    ],
)
def test_what_has_a_field_of_another_kind_is_no_event(more: dict[str, Any]) -> None:
    assert heard(ALLOCATED | more) is None


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff", b"[]", b"7", b'"x"', b"null", b"[" * 100_000])
def test_what_is_no_object_is_no_event(value: bytes | None) -> None:
    assert event_of(Record(0, 0, None, value)) is None


def test_events_of_several_skus_are_told_apart_and_keep_their_order() -> None:
    found = sorted_events([{"sku": "A", "n": 1}, {"sku": "B", "n": 2}, {"sku": "A", "n": 3}])
    assert found == {"A": [{"sku": "A", "n": 1}, {"sku": "A", "n": 3}], "B": [{"sku": "B", "n": 2}]}
