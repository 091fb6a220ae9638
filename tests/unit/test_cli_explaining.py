"""An order's story from what is left of it."""

import json
from datetime import UTC, datetime
from typing import Any

from python_app_template.adapters.secondary.postgres.stock.explained import DigestRow, Kept, LineRow, OrderRow
from python_app_template.cli.explaining.evidence import Evidence, Mentions, Searched, trace_id
from python_app_template.cli.explaining.timeline import cells, timeline, unknown
from python_app_template.core.delivery.messages import Partition, Record

AT = datetime(2026, 11, 20, 20, 0, 0, 123456, UTC)
ALL = {"raw-push": [Searched(0, 0, 0, 9)], "allocations": [Searched(0, 0, 0, 9)]}
NOTHING = Kept(None, [], {0: 9}, [], [], None, None)
KNOWN = NOTHING._replace(order=OrderRow(None, None, AT, cancelled=False))


def evidence(kept: Kept, *, messages: tuple[Record, ...] = (), events: tuple[Record, ...] = ()) -> Evidence:
    return Evidence("o", kept, None, messages, events, [], frozenset(), {}, ALL)


def record(topic: str, offset: int, **body: Any) -> Record:
    return Record(Partition(topic, 0), offset, 1000, b"o", json.dumps({"order_id": "o", **body}).encode())


def event(offset: int, kind: str, version: int, line: int = 0) -> Record:
    cause = {"topic": "raw-push", "partition": 0, "offset": 3}
    told = {"type": kind, "id": f"CHAIR/{version}", "version": version, "line": line, "cause": cause}
    return record("allocations", offset, occurred_at="2026-11-20T20:00:00.123456Z", **told)


def line(status: str, version: int, number: int = 0) -> LineRow:
    return LineRow(number, "CHAIR", 1, status, version, None)


def test_an_order_that_was_purged_is_told_from_its_events() -> None:
    purged = NOTHING._replace(purged_before=AT)
    (said, _) = unknown(evidence(purged, events=(event(0, "line.allocated", 2),)))
    assert said == "how the order stands: purged with what was done before 2026-11-20T20:00:00.123456Z"


def test_a_message_that_waits_was_not_purged() -> None:
    waiting = NOTHING._replace(purged_before=AT, positions={0: 3})
    found = evidence(waiting, messages=(record("raw-push", 3, type="order.placed"),))
    assert [entry["state"] for entry in timeline(found) if entry["what"] == "message"] == ["waiting"]
    assert list(unknown(found)) == ["how the order stands: no message that places it was applied"]


def test_events_that_are_missing_are_named() -> None:
    kept = KNOWN._replace(lines=[line("allocated", 2), line("deallocated", 5, 1), line("rejected", 0, 2)])
    found = evidence(kept, messages=(record("raw-push", 3, type="order.placed"),), events=(event(0, "x", 2),))
    gone = "no longer in allocations (its partitions begin at 0: 0)"
    assert list(unknown(found))[:2] == [
        f"event CHAIR/5 (line 1, deallocated): {gone}",
        f"event o/2/rejected (line 2, rejected): {gone}",
    ]


def test_a_cancelled_order_had_two_messages() -> None:
    kept = KNOWN._replace(order=OrderRow(None, None, AT, cancelled=True))
    said = list(unknown(evidence(kept)))
    assert [text.partition(":")[0] for text in said] == ["the order.placed message", "the order.cancelled message"]


def test_of_one_moment_lines_come_in_the_order_of_the_message() -> None:
    events = (event(7, "line.allocated", 3, 1), event(8, "line.allocated", 9, 0), event(9, "line.rejected", 0, 2))
    found = [entry["line"] for entry in timeline(evidence(KNOWN, events=events)) if entry["what"] == "event"]
    assert found == [0, 1, 2]


def test_a_shortage_names_the_digest_that_tells_of_it_or_that_none_does() -> None:
    told, untold = event(5, "line.out_of_stock", 2), event(6, "line.out_of_stock", 3)
    kept = KNOWN._replace(digests=[DigestRow(4, "sent", "<4@x>", {0: 2}, {0: 6}, AT)])
    found = evidence(kept, events=(told, untold))
    entries = [entry["digest"] for entry in timeline(found) if entry["what"] == "event"]
    assert entries == [{"number": 4, "state": "sent", "message_id": "<4@x>"}, None]
    assert "whether CHAIR/3 was mailed: no digest that is kept tells of it" in list(unknown(found))


def test_each_entry_has_its_cells() -> None:
    kept = KNOWN._replace(lines=[line("allocated", 2)])
    found = evidence(kept, messages=(record("raw-push", 3, type="order.placed"),), events=(event(0, "x", 2),))
    assert [cells(entry)[1:3] for entry in timeline(found)] == [
        ("message", "0:3"),
        ("event", "0:0"),
        ("order", ""),
        ("line", ""),
        ("unknown", ""),
    ]


def test_only_what_names_the_order_is_about_it() -> None:
    mentions = Mentions('a"b')
    assert mentions(None, rb'{"order_id": "a\"b"}')
    assert mentions(None, b'{"order_id": "a\\u0022b"}')
    assert mentions(b'a"b', b"no JSON")
    assert mentions(b'a"b', None)
    assert not mentions(b'a"b', b'{"order_id": "a"}')
    assert not mentions(None, rb'{"order_id": "x", "customer_id": "a\"b"}')
    assert not mentions(b"x", b"no JSON \\")


def test_a_trace_is_named_where_the_header_is_one() -> None:
    good = ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    assert trace_id([good]) == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert trace_id([good, ("traceparent", b"nonsense")]) is None
    assert trace_id([]) is None
