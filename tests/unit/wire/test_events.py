"""Contract, section 4: events out."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from python_app_template.adapters.wire.events import encode, name_of
from python_app_template.core.delivery.messages import Fact, Frame, Headers, Partition, Record
from python_app_template.core.domain.events import (
    BatchCreated,
    BatchQuantityChanged,
    Event,
    LineAllocated,
    LineDeallocated,
    LineOutOfStock,
    LineRejected,
)

NOW = datetime(2026, 11, 20, 20, 0, 0, 123456, tzinfo=UTC)
ALLOCATED = LineAllocated("RED-CHAIR", 17, "order-001", 0, 2, "batch-001", None)


def frame(event: Event = ALLOCATED, at: datetime = NOW, headers: Headers = ()) -> Frame:
    cause = Record(Partition("raw-push", 2), 1041, 0, b"order-001", b"{}", headers)
    [published] = encode([Fact(event, cause, at)], "allocations", "python-app-template")
    return published


def body(event: Event) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(frame(event).value or b"")
    return parsed


def test_the_contracts_own_example_to_the_byte() -> None:
    assert frame() == Frame(
        topic="allocations",
        key=b"RED-CHAIR",
        value=b'{"type":"line.allocated","id":"RED-CHAIR/17","sku":"RED-CHAIR","version":17,'
        b'"occurred_at":"2026-11-20T20:00:00.123456Z","cause":{"topic":"raw-push","partition":2,"offset":1041},'
        b'"order_id":"order-001","line":0,"qty":2,"batch_ref":"batch-001","eta":null}',
        headers=[
            ("ce_specversion", b"1.0"),
            ("ce_id", b"RED-CHAIR/17"),
            ("ce_type", b"line.allocated"),
            ("ce_source", b"python-app-template"),
            ("content-type", b"application/json"),
        ],
        type="line.allocated",
        partition=None,
    )


@pytest.mark.parametrize(
    ("event", "name", "fields"),
    [
        (
            BatchCreated("S", 1, "b", 5, date(2026, 12, 1)),
            "batch.created",
            '"batch_ref":"b","qty":5,"eta":"2026-12-01"',
        ),
        (BatchCreated("S", 1, "b", 5, None), "batch.created", '"batch_ref":"b","qty":5,"eta":null'),
        (BatchQuantityChanged("S", 1, "b", 5), "batch.quantity_changed", '"batch_ref":"b","qty":5'),
        (
            LineAllocated("S", 1, "o", 3, 2, "b", date(987, 1, 2)),
            "line.allocated",
            '"order_id":"o","line":3,"qty":2,"batch_ref":"b","eta":"0987-01-02"',
        ),
        (
            LineDeallocated("S", 1, "o", 3, 2, "b", "order_cancelled"),
            "line.deallocated",
            '"order_id":"o","line":3,"qty":2,"batch_ref":"b","reason":"order_cancelled"',
        ),
        (LineOutOfStock("S", 1, "o", 3, 2), "line.out_of_stock", '"order_id":"o","line":3,"qty":2'),
    ],
)
def test_the_fields_besides_the_common_ones(event: Event, name: str, fields: str) -> None:
    published = frame(event)
    value = (published.value or b"").decode()
    assert value.startswith(f'{{"type":"{name}","id":"S/1","sku":"S","version":1,"occurred_at":')
    assert value.endswith(f'"offset":1041}},{fields}}}')
    assert published.type == name == name_of(type(event))
    assert ("ce_type", name.encode()) in published.headers


def test_a_rejected_line_belongs_to_no_known_sku() -> None:
    """Its `version` is 0 and its `id` is ORDER/LINE/rejected."""
    published = frame(LineRejected("S", "o", 3, 2))
    assert (published.key, published.type) == (b"S", "line.rejected")
    assert ("ce_id", b"o/3/rejected") in published.headers
    parsed = body(LineRejected("S", "o", 3, 2))
    assert (parsed["id"], parsed["sku"], parsed["version"]) == ("o/3/rejected", "S", 0)
    assert (parsed["order_id"], parsed["line"], parsed["qty"], parsed["reason"]) == ("o", 3, 2, "unknown_sku")


def test_a_line_lost_its_units_for_one_of_two_reasons() -> None:
    assert body(LineDeallocated("S", 1, "o", 0, 2, "b", "quantity_changed"))["reason"] == "quantity_changed"


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05.000000Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC), "2026-01-02T03:04:05.000060Z"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=4))), "2026-01-01T23:04:05.000000Z"),
    ],
)
def test_occurred_at_is_rfc_3339_utc_microseconds(at: datetime, text: str) -> None:
    assert json.loads(frame(at=at).value or b"")["occurred_at"] == text


def test_the_causes_traceparent_goes_on_as_it_came() -> None:
    assert frame(headers=[("a", b"1"), ("traceparent", b"00-\xff-anything")]).headers[5:] == [
        ("traceparent", b"00-\xff-anything")
    ]


@pytest.mark.parametrize(
    ("headers", "carried"),
    [
        ([], []),
        ([("Traceparent", b"1"), ("tracestate", b"2")], []),
        ([("traceparent", None)], []),
        ([("traceparent", b"1"), ("traceparent", b"2")], [("traceparent", b"2")]),
    ],
)
def test_a_cause_without_a_traceparent_gives_none_and_of_several_the_last(headers: Headers, carried: Headers) -> None:
    assert frame(headers=headers).headers[5:] == carried


def test_ids_of_any_letters_are_utf8_in_key_header_and_body() -> None:
    event = LineOutOfStock('é"\U0001f4e6\\', 1, "o\u2028", 0, 1)
    published = frame(event)
    assert published.key == 'é"\U0001f4e6\\'.encode()
    assert ("ce_id", 'é"\U0001f4e6\\/1'.encode()) in published.headers
    assert (body(event)["sku"], body(event)["order_id"]) == ('é"\U0001f4e6\\', "o\u2028")
