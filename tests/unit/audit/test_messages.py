"""The contract's sections 2 and 5, case by case: what a message is, and for which reason it is none."""

import json
from typing import Any

import pytest

from python_app_template.audit.messages import DEPTH, DeadLetterError, check, known_type, microseconds, parse

Body = dict[str, Any]

ORDER: Body = {"type": "order.placed", "order_id": "o", "lines": [{"sku": "s", "qty": 1}]}
CANCELLATION: Body = {"type": "order.cancelled", "order_id": "o"}
BATCH: Body = {"type": "batch.created", "batch_ref": "b", "sku": "s", "qty": 1, "eta": "2026-11-20"}
CHANGE: Body = {"type": "batch.quantity_changed", "batch_ref": "b", "qty": 1}


def reason_of(value: bytes | None) -> str | None:
    """Why it is a dead letter; None: it is a message."""
    try:
        body = parse(value)
        known_type(body)
        check(body)
    except DeadLetterError as error:
        return str(error)
    return None


def without(body: Body, name: str) -> Body:
    return {key: value for key, value in body.items() if key != name}


def with_line(**more: Any) -> Body:
    return ORDER | {"lines": [{"sku": "s", "qty": 1}, {"sku": "s", "qty": 1} | more]}


@pytest.mark.parametrize("body", [ORDER, CANCELLATION, BATCH, CHANGE], ids=lambda body: body["type"])
def test_a_message_of_each_type_is_one(body: Body) -> None:
    assert reason_of(json.dumps(body | {"unknown": [None, 2.5]}).encode()) is None


@pytest.mark.parametrize(
    "body",
    [
        ORDER | {"order_id": "o" * 64, "customer_id": None, "placed_at": None},
        ORDER | {"customer_id": "\u00a0\U0001f4e6", "placed_at": "2026-11-20T20:00:00Z"},
        ORDER | {"lines": [{"sku": "s", "qty": 1_000_000}] * 100},
        BATCH | {"qty": 0, "eta": None},
        BATCH | {"qty": 1_000_000_000},
        without(BATCH, "eta"),
        CHANGE | {"qty": 0},
        CHANGE | {"qty": 1_000_000_000},
    ],
)
def test_what_is_just_within_the_bounds_is_a_message(body: Body) -> None:
    assert reason_of(json.dumps(body).encode()) is None


@pytest.mark.parametrize(
    "body",
    [
        without(ORDER, "order_id"),
        ORDER | {"order_id": ""},
        ORDER | {"order_id": "o" * 65},
        ORDER | {"order_id": 7},
        ORDER | {"order_id": "\x7f"},
        ORDER | {"customer_id": ""},
        ORDER | {"customer_id": 7},
        ORDER | {"placed_at": "2026-11-20T20:00:00"},
        ORDER | {"placed_at": 7},
        without(ORDER, "lines"),
        ORDER | {"lines": []},
        ORDER | {"lines": {}},
        ORDER | {"lines": "s"},
        ORDER | {"lines": [{"sku": "s", "qty": 1}] * 101},
        ORDER | {"lines": [["sku", "s"]]},
        with_line(sku=None),
        with_line(sku="\x00"),
        with_line(qty=0),
        with_line(qty=1_000_001),
        with_line(qty=2.0),
        with_line(qty="2"),
        with_line(qty=True),
        without(CANCELLATION, "order_id"),
        without(BATCH, "batch_ref"),
        without(BATCH, "sku"),
        without(BATCH, "qty"),
        BATCH | {"qty": -1},
        BATCH | {"qty": 1_000_000_001},
        BATCH | {"eta": "soon"},
        without(CHANGE, "batch_ref"),
        without(CHANGE, "qty"),
        CHANGE | {"qty": -1},
        CHANGE | {"qty": 1_000_000_001},
        without(ORDER, "type"),
        ORDER | {"type": 7},
        ORDER | {"type": None},
    ],
)
def test_what_is_beyond_the_bounds_is_invalid(body: Body) -> None:
    assert reason_of(json.dumps(body).encode()) == "invalid"


def deep(depth: int) -> bytes:
    """An order's cancellation with an unknown field of so many brackets, one inside the other."""
    return b'{"type":"order.cancelled","order_id":"o","x":%s}' % (b"[" * depth + b"]" * depth)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty"),
        (b"", "undecodable"),
        (b"{", "undecodable"),
        (b"\xff", "undecodable"),
        (b"\xef\xbb\xbf{}", "undecodable"),
        (b'{"type":"\\ud800"}', "undecodable"),
        (b'{"type":"nonsense","x":["\\udfff"]}', "undecodable"),
        (b'{"type":"nonsense","\\udfff":1}', "undecodable"),
        (b'{"type":"order.cancelled","order_id":NaN}', "undecodable"),
        (b'{"type":"nonsense","x":-Infinity}', "undecodable"),
        (b"[" * 100_000, "undecodable"),
        (deep(DEPTH), "undecodable"),
        (deep(DEPTH - 1), None),
        (b'{"type":"nonsense","x":%s}' % (b"9" * 5000), "unknown_type"),
        (b'{"type":"batch.quantity_changed","batch_ref":"b","qty":%s}' % (b"9" * 5000), "invalid"),
        (b'{"type":"order.placed","order_id":"o","lines":[{"sku":"s","qty":1e2}]}', "invalid"),
        (b"[]", "invalid"),
        (b'"order.placed"', "invalid"),
        (b"{}", "invalid"),
        (b'{"type":"nonsense"}', "unknown_type"),
        (b'{"type":"Order.placed"}', "unknown_type"),
        (b'{"type":"order.cancelled","order_id":9,"order_id":"o"}', None),
        (b'{"type":"order.cancelled","order_id":"o","order_id":9}', "invalid"),
    ],
)
def test_what_is_no_message_has_the_reason_that_comes_first(value: bytes | None, reason: str | None) -> None:
    assert reason_of(value) == reason


SECOND = 1_000_000
DAY = 86_400 * SECOND
FIRST_OF_2026 = 739_617 * DAY
"""`date(2026, 1, 1).toordinal()` days; the first day of year 1 is day 1."""


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("2026-01-01T00:00:00Z", FIRST_OF_2026),
        ("2026-01-01t00:00:00z", FIRST_OF_2026),
        ("2026-01-01T00:00:00-00:00", FIRST_OF_2026),
        ("2026-01-01T23:59:59Z", FIRST_OF_2026 + DAY - SECOND),
        ("2026-01-01T01:02:03.4Z", FIRST_OF_2026 + 3_723_400_000),
        ("2026-01-01T00:00:00.123456Z", FIRST_OF_2026 + 123_456),
        ("2026-01-01T00:00:00.1234569Z", FIRST_OF_2026 + 123_456),
        ("2026-01-01T00:00:00.000001Z", FIRST_OF_2026 + 1),
        ("2026-01-01T00:00:00+01:30", FIRST_OF_2026 - 5400 * SECOND),
        ("2026-01-01T00:00:00-01:30", FIRST_OF_2026 + 5400 * SECOND),
        ("2026-01-01T00:00:00+23:59", FIRST_OF_2026 - DAY + 60 * SECOND),
        ("2026-01-01T00:00:00-23:59", FIRST_OF_2026 + DAY - 60 * SECOND),
        ("0001-01-01T00:00:00Z", DAY),
        ("0001-01-01T00:00:00-00:01", DAY + 60 * SECOND),
        ("9999-12-31T23:59:59.999999Z", 3_652_060 * DAY - 1),
        ("2016-12-31T23:59:60Z", 736_330 * DAY),
        ("2016-12-31T23:59:60.5Z", 736_330 * DAY + 500_000),
        ("2015-06-30T23:59:60Z", 735_780 * DAY),
        ("2017-01-01T01:59:60+02:00", 736_330 * DAY),
    ],
)
def test_an_instant_is_counted_in_microseconds_of_utc(text: str, count: int) -> None:
    assert microseconds(text) == count


@pytest.mark.parametrize(
    "text",
    [
        *(None, 7, "", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-01-01T00:00Z"),
        *("2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+01", " 2026-01-01T00:00:00Z"),
        *("2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2016-12-31T23:59:61Z"),
        *("2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+00:60"),
        *("2026-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-1-1T00:00:00Z"),
        *("0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z"),
        *("2016-12-31T22:59:60Z", "2026-03-31T23:59:60Z", "2016-12-30T23:59:60Z", "2016-12-31T23:58:60Z"),
    ],
)
def test_what_is_no_instant_is_not_counted(text: object) -> None:
    assert microseconds(text) is None


@pytest.mark.parametrize(
    "eta", ["2026-02-29", "20261120", "2026-W01-1", "0000-01-01", "2026-1-1", "2026-11-20 ", 7, []]
)
def test_an_eta_that_is_no_day_is_invalid(eta: object) -> None:
    assert reason_of(json.dumps(BATCH | {"eta": eta}).encode()) == "invalid"


@pytest.mark.parametrize("eta", ["0001-01-01", "9999-12-31", "2024-02-29"])
def test_an_eta_may_be_any_day_there_is(eta: str) -> None:
    assert reason_of(json.dumps(BATCH | {"eta": eta}).encode()) is None
