"""Encoding against the contract written again: any text in an event, any events before and after it."""

import json
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from python_app_template.adapters.wire.events import encode
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

AT = datetime(2026, 11, 20, 20, 0, 0, 123456, tzinfo=UTC)
TYPES: dict[type[Event], str] = {
    BatchCreated: "batch.created",
    BatchQuantityChanged: "batch.quantity_changed",
    LineAllocated: "line.allocated",
    LineDeallocated: "line.deallocated",
    LineOutOfStock: "line.out_of_stock",
    LineRejected: "line.rejected",
}

texts = st.text(max_size=5) | st.sampled_from(['"', "\\", "\x00", "\x1f", "\x7f", "/", "\u2028", "\U0001f4e6"])
numbers, dates = st.integers(0, 2**63 - 1), st.none() | st.dates()
any_event: st.SearchStrategy[Event] = st.one_of(
    st.builds(BatchCreated, texts, numbers, texts, numbers, dates),
    st.builds(BatchQuantityChanged, texts, numbers, texts, numbers),
    st.builds(LineAllocated, texts, numbers, texts, numbers, numbers, texts, dates),
    st.builds(LineDeallocated, texts, numbers, texts, numbers, numbers, texts, st.just("order_cancelled")),
    st.builds(LineOutOfStock, texts, numbers, texts, numbers, numbers),
    st.builds(LineRejected, texts, texts, numbers, numbers),
)
headers = st.lists(st.tuples(st.sampled_from(["traceparent", "other"]), st.none() | st.binary(max_size=3)), max_size=3)
causes = st.builds(Record, st.builds(Partition, texts, numbers), numbers, numbers, st.none(), st.none(), headers)


@settings(max_examples=100)
@given(st.lists(st.tuples(causes, st.lists(any_event, max_size=3)), max_size=4), texts)
def test_what_is_encoded_together_is_to_the_byte_what_the_contract_says_of_each(
    decided: list[tuple[Record, list[Event]]], source: str
) -> None:
    facts = [Fact(event, cause, AT) for cause, found in decided for event in found]
    assert list(encode(facts, "allocations", source)) == [plainly(fact, source) for fact in facts]


def plainly(fact: Fact[Event], source: str) -> Frame:
    body, name = contents(fact), TYPES[type(fact.event)]
    carried: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(body["id"]).encode()),
        ("ce_type", name.encode()),
        ("ce_source", source.encode()),
        ("content-type", b"application/json"),
        *[h for h in fact.cause.headers if h[0] == "traceparent" and h[1] is not None][-1:],
    ]
    value = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Frame("allocations", fact.event.sku.encode(), value, carried, name)


def contents(fact: Fact[Event]) -> dict[str, Any]:
    fields: dict[str, Any] = fact.event._asdict()
    sku, cause = fields.pop("sku"), fact.cause
    version = fields.pop("version", 0)
    ref = f"{sku}/{version}"
    if isinstance(fact.event, LineRejected):
        ref, fields["reason"] = f"{fields['order_id']}/{fields['line']}/rejected", "unknown_sku"
    place = {"topic": cause.partition.topic, "partition": cause.partition.number, "offset": cause.offset}
    common = {"type": TYPES[type(fact.event)], "id": ref, "sku": sku, "version": version}
    when = {"occurred_at": "2026-11-20T20:00:00.123456Z", "cause": place}
    return common | when | {n: v.isoformat() if isinstance(v, date) else v for n, v in fields.items()}
