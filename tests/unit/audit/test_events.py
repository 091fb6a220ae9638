"""What is wrong with an event is told, word for word, and nothing else with it but what follows from it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from python_app_template.audit.checker import examine, violations
from python_app_template.audit.delivery import envelope
from python_app_template.audit.evidence import PENDING, Record
from tests.clients import batch
from tests.unit.audit.evidence import body_of, clean, of_bodies, with_events
from tests.unit.audit.scene import CLEAN, double, drop, move, rewrite, swap

OF_NOBODY = {"topic": "raw-push", "partition": 1, "offset": 77}
NO_SKU_KNOWN = {"type": "line.rejected", "version": 0, "id": "o3/0/rejected", "reason": "x"}
O1, O3, CANCELLED = "raw-push/1@0 (order.placed)", "raw-push/2@4 (order.placed)", "raw-push/2@3 (order.cancelled)"
OUT_OF_STOCK = "CHAIR/11 line.out_of_stock (o3 line 0, 100 units)"
EARLY = "early/0/rejected line.rejected (early line 0, 1 units)"
CHANGED = "raw-push/2@2 (batch.quantity_changed)"
O3_LOST = [
    f"lost: {O3} line.out_of_stock is missing: CHAIR/11 line.out_of_stock (o3 line 0, 100 units)",
    "table: products CHAIR: version 11 where the events add up to version 10",
    (
        "table: order_lines ('o3', 0): sku CHAIR, qty 100, status out_of_stock, version 11, batch_ref None, "
        "of which no event tells"
    ),
    "table: orders o3: customer_id None, placed_at None, cancelled False, of which no event tells",
]


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (
            drop("CHAIR/4"),
            [
                "version: CHAIR/5 comes after CHAIR/3: 1 missing",
                (
                    "lost: raw-push/2@1 (order.placed) line.allocated is missing: "
                    "CHAIR/4 line.allocated (o2 line 0, 5 units, of b1)"
                ),
                f"doubled: {CHANGED} led to CHAIR/7, and has no more to say",
                "line: CHAIR/7: line 0 of o2 did not hold 5 units of b1",
            ],
        ),
        (drop("CHAIR/11"), O3_LOST),
        (
            drop("early/0/rejected"),
            [
                (
                    "lost: raw-push/0@0 (order.placed) line.rejected is missing: "
                    "early/0/rejected line.rejected (early line 0, 1 units)"
                ),
                (
                    "table: order_lines ('early', 0): sku LAMP, qty 1, status rejected, version 0, batch_ref None, "
                    "of which no event tells"
                ),
                "table: orders early: customer_id None, placed_at None, cancelled False, of which no event tells",
            ],
        ),
        (
            double("CHAIR/11"),
            [
                "version: CHAIR/11 comes after CHAIR/11: doubled, or out of order",
                f"doubled: {O3} led to CHAIR/11, and has no more to say",
                "line: CHAIR/11: line 0 of o3 was out_of_stock already",
            ],
        ),
        (
            double("early/0/rejected"),
            [
                "doubled: raw-push/0@0 (order.placed) led to early/0/rejected, and has no more to say",
                "line: early/0/rejected: line 0 of early was rejected already",
            ],
        ),
        (
            swap("CHAIR/10", "CHAIR/11"),
            [
                "version: CHAIR/11 comes after CHAIR/9: 1 missing",
                "version: CHAIR/10 comes after CHAIR/11: doubled, or out of order",
                "order: no order of the messages leads to these events; 1 do not fit: raw-push/2@3",
            ],
        ),
        (
            rewrite("CHAIR/9", reason="quantity_changed"),
            [
                (
                    f"event: {CANCELLED} CHAIR/9 line.deallocated (o2 line 0, 5 units, of b2) where "
                    "CHAIR/9 line.deallocated (o2 line 0, 5 units, of b2) is due"
                ),
            ],
        ),
        (
            rewrite("CHAIR/9", batch_ref="b1"),
            [
                (
                    f"allocation: {CANCELLED} CHAIR/9 line.deallocated (o2 line 0, 5 units, of b1) where "
                    "CHAIR/9 line.deallocated (o2 line 0, 5 units, of b2) is due"
                ),
                "line: CHAIR/9: line 0 of o2 did not hold 5 units of b1",
            ],
        ),
        (
            rewrite("CHAIR/9", qty=4),
            [
                (
                    f"event: {CANCELLED} CHAIR/9 line.deallocated (o2 line 0, 4 units, of b2) where "
                    "CHAIR/9 line.deallocated (o2 line 0, 5 units, of b2) is due"
                ),
                "line: CHAIR/9: line 0 of o2 did not hold 4 units of b2",
            ],
        ),
        (
            rewrite("CHAIR/11", cause=OF_NOBODY),
            [
                "position: CHAIR/11 comes of raw-push/1@77, and the position is 5",
                "cause: raw-push/1@77 led to events, and was never sent",
                O3_LOST[0],
                O3_LOST[3],
            ],
        ),
        (
            rewrite("CHAIR/11", cause={"topic": "elsewhere", "partition": 2, "offset": 4}),
            [
                (f"event: {O3} CHAIR/11 line.out_of_stock (o3 line 0, 100 units) where {OUT_OF_STOCK} is due"),
            ],
        ),
        (
            rewrite("CHAIR/11", id="CHAIR/12"),
            [
                "version: CHAIR/12 is version 11 of CHAIR",
                (f"version: {O3} CHAIR/12 line.out_of_stock (o3 line 0, 100 units) where {OUT_OF_STOCK} is due"),
            ],
        ),
        (
            rewrite("CHAIR/11", version=12, id="CHAIR/12"),
            [
                "version: CHAIR/12 comes after CHAIR/10: 1 missing",
                f"version: {O3} CHAIR/12 line.out_of_stock (o3 line 0, 100 units) where {OUT_OF_STOCK} is due",
                "table: products CHAIR: version 11 where the events add up to version 12",
                (
                    "table: order_lines ('o3', 0): sku CHAIR, qty 100, status out_of_stock, version 11, batch_ref None "
                    "where the events add up to sku CHAIR, qty 100, status out_of_stock, version 12, batch_ref None"
                ),
            ],
        ),
        (
            rewrite("early/0/rejected", version=1),
            [
                "version: early/0/rejected: a rejected line with version 1",
                f"version: raw-push/0@0 (order.placed) {EARLY} where {EARLY} is due",
                "table: products LAMP: missing where the events add up to version 1",
                (
                    "table: order_lines ('early', 0): sku LAMP, qty 1, status rejected, version 0, batch_ref None "
                    "where the events add up to sku LAMP, qty 1, status rejected, version 1, batch_ref None"
                ),
            ],
        ),
        (
            rewrite("early/0/rejected", id="early/1/rejected"),
            [
                "version: early/1/rejected: a rejected line with version 0",
                (
                    "version: raw-push/0@0 (order.placed) early/1/rejected line.rejected (early line 0, 1 units) where "
                    f"{EARLY} is due"
                ),
            ],
        ),
        (
            rewrite("CHAIR/6", batch_ref="b9"),
            [
                (
                    f"event: {CHANGED} CHAIR/6 batch.quantity_changed (6 units, of b9) where "
                    "CHAIR/6 batch.quantity_changed (6 units, of b1) is due"
                ),
                "batch: CHAIR/6: there is no batch b9 of it",
                (
                    "table: batches b1: sku CHAIR, eta None, created_qty 10, purchased 6, allocated 4 where "
                    "the events add up to sku CHAIR, eta None, created_qty 10, purchased 10, allocated 4"
                ),
            ],
        ),
        (move("CHAIR/11", key=b"LAMP"), ["envelope: CHAIR/11: its key is b'LAMP'"]),
        (move("CHAIR/11", headers=()), ["envelope: CHAIR/11: its headers are {}"]),
        (
            move("CHAIR/11", value=b'{"type":"line.allocated"}'),
            ['envelope: the record at 2@22 of the events is none: b\'{"type":"line.allocated"}\'', *O3_LOST],
        ),
        (move("CHAIR/11", value=None), ["envelope: the record at 2@22 of the events is none: b''", *O3_LOST]),
        (
            move("CHAIR/11", value=b"x" * 81),
            [f"envelope: the record at 2@22 of the events is none: b'{'x' * 80}'", *O3_LOST],
        ),
    ],
)
def test_a_wrong_event_is_told(change: Callable[[list[Record]], object], lines: list[str]) -> None:
    assert violations(with_events(CLEAN, change)) == lines


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (
            rewrite("CHAIR/2", batch_ref="b1"),
            [
                (
                    "event: raw-push/0@1 (batch.created) CHAIR/2 batch.created (10 units, of b1) where "
                    "CHAIR/2 batch.created (10 units, of b2) is due"
                ),
                "batch: CHAIR/2: b1 is created twice",
            ],
        ),
        (
            rewrite("CHAIR/3", batch_ref="b2", eta="2030-01-01"),
            [
                (
                    f"allocation: {O1} CHAIR/3 line.allocated (o1 line 0, 4 units, of b2) where "
                    "CHAIR/3 line.allocated (o1 line 0, 4 units, of b1) is due"
                ),
            ],
        ),
        (
            rewrite("CHAIR/3", eta="2030-01-01"),
            [
                (
                    f"event: {O1} CHAIR/3 line.allocated (o1 line 0, 4 units, of b1) where "
                    "CHAIR/3 line.allocated (o1 line 0, 4 units, of b1) is due"
                ),
                "line: CHAIR/3: there is no such batch: b1 of CHAIR, due 2030-01-01",
            ],
        ),
        (
            rewrite("CHAIR/3", qty=40),
            [
                (
                    f"event: {O1} CHAIR/3 line.allocated (o1 line 0, 40 units, of b1) where "
                    "CHAIR/3 line.allocated (o1 line 0, 4 units, of b1) is due"
                ),
                "over-allocation: after CHAIR/3: 40 of 10 units of b1 are allocated",
                (
                    "allocation: raw-push/2@1 (order.placed) CHAIR/4 line.allocated (o2 line 0, 5 units, of b1) where "
                    "CHAIR/4 line.allocated (o2 line 0, 5 units, of b2) is due"
                ),
                "over-allocation: after CHAIR/5: 45 of 10 units of b1 are allocated",
            ],
        ),
        (
            rewrite("CHAIR/7", order_id="o1", line=0, qty=4),
            [
                (
                    f"event: {CHANGED} CHAIR/7 line.deallocated (o1 line 0, 4 units, of b1) where "
                    "CHAIR/7 line.deallocated (o2 line 0, 5 units, of b1) is due"
                ),
                "line: CHAIR/8: line 0 of o2 was allocated already",
            ],
        ),
        (
            rewrite("CHAIR/11", **NO_SKU_KNOWN),
            ["order: no order of the messages leads to these events; 2 do not fit: raw-push/0@1, raw-push/2@0"],
        ),
        (
            rewrite("CHAIR/11", type="line.allocated", batch_ref="b1", eta=None),
            [f"allocation: {O3} CHAIR/11 line.allocated (o3 line 0, 100 units, of b1) where {OUT_OF_STOCK} is due"],
        ),
        (
            move("CHAIR/11", partition=0),
            [
                "partition: CHAIR/11 is in partition 0 where its key belongs to 2",
                "version: CHAIR/11 comes after CHAIR/0: 10 missing",
                "partition: CHAIR/1 is in partition 2, what came before in 0",
                "version: CHAIR/1 comes after CHAIR/11: doubled, or out of order",
            ],
        ),
    ],
)
def test_a_wrong_event_is_told_before_what_it_leads_to(
    change: Callable[[list[Record]], object], lines: list[str]
) -> None:
    assert violations(with_events(CLEAN, change))[: len(lines)] == lines


def test_an_event_without_a_key_is_told_with_the_partition_of_an_empty_one() -> None:
    event = CLEAN.events[0]._replace(key=None, partition=3)
    ref = body_of(event)["id"]
    assert [str(wrong) for wrong in envelope(event, body_of(event), 4)] == [
        f"envelope: {ref}: its key is None",
        f"partition: {ref} is in partition 3 where its key belongs to 1",
    ]


def test_an_event_that_waits_in_the_outbox_has_no_partition_yet() -> None:
    assert violations(with_events(CLEAN, move("CHAIR/11", partition=3, offset=PENDING))) == []


def test_events_after_a_record_that_is_none_are_heard_too() -> None:
    none = Record(0, 0, b"CHAIR", b"{")
    assert violations(with_events(CLEAN, lambda events: events.insert(0, none))) == [
        "envelope: the record at 0@0 of the events is none: b'{'"
    ]


def test_events_after_one_that_is_younger_than_the_cut_are_heard_too() -> None:
    """Of two SKUs, each in a partition of its own, the first is known of from a message that came later."""
    messages = of_bodies(batch("b", "CHAIR", 9), batch("t", "TABLE", 9))
    made = clean(messages)
    later = messages[1]
    assert made.cut
    positions = {**made.cut.positions, later.partition: later.offset}
    cut = made.cut._replace(positions=positions, seen_events={0: 0, 1: 0, 2: 10})
    tables = replace(made.tables, products={"CHAIR": 1}, batches={"b": made.tables.batches["b"]})
    looked_at = replace(made, cut=cut, tables=tables)
    assert violations(looked_at) == []
    assert (examine(looked_at).messages, examine(looked_at).events) == (1, 1)
