"""What retention took: what can not be judged any more is counted and not told, and the rest is judged as ever."""

import random
from dataclasses import replace
from typing import Any

import pytest

from python_app_template.audit.checker import examine, violations
from python_app_template.audit.evidence import Evidence, Log
from tests.clients import batch, cancelled, order, quantity
from tests.streams import stream
from tests.unit.audit.evidence import body_of, clean, messages_of, of_bodies, rewritten, with_events

CHAIRS, TABLES = 2, 0
"""The partitions of these two SKUs' events."""

MADE = clean(
    of_bodies(
        batch("c1", "CHAIR", 10),
        batch("t1", "TABLE", 10),
        order("x1", ("CHAIR", 1), ("TABLE", 1)),
        order("x2", ("CHAIR", 2), ("TABLE", 2)),
        order("x2", ("CHAIR", 3)),  # another of that id
        cancelled("x1"),
        quantity("t1", 1),  # takes x2's line off
        order("x3", ("SHELF", 1)),  # nobody knows it
        batch("c2", "CHAIR", 0),
    )
)
"""CHAIR: 1 c1, 2 x1/0, 3 x2/0, 4 x1/0 off, 5 c2. TABLE: 1 t1, 2 x1/1, 3 x2/1, 4 x1/1 off, 5 t1 is 1, 6 x2/1 off,
7 x2/1 out of stock."""

LATE = "decisions about SKUs whose first events retention took"
GONE = "messages about what retention took"


def without_first(evidence: Evidence, partition: int, count: int) -> Evidence:
    """The same after retention took so many events of a partition; their offsets are 0, 2, 4 and so on."""
    kept = [e for e in evidence.events if e.partition != partition or e.offset >= 2 * count]
    return replace(evidence, events=kept, event_log=Log({partition: 2 * count}, partitions=3))


def without(evidence: Evidence, ref: str) -> Evidence:
    return replace(evidence, events=[event for event in evidence.events if body_of(event)["id"] != ref])


def changed(evidence: Evidence, ref: str, **more: Any) -> Evidence:
    n = next(n for n, event in enumerate(evidence.events) if body_of(event)["id"] == ref)
    return with_events(evidence, lambda events: events.insert(n, rewritten(events.pop(n), **more)))


@pytest.mark.parametrize(("count", "late"), [(1, 4), (2, 3), (3, 2), (4, 1), (7, 1)])
def test_what_is_left_of_a_sku_is_clean_and_what_could_not_be_judged_is_counted(count: int, late: int) -> None:
    """The batch t1, its change and the conflict of x2 may be due to what is gone; the rest of TABLE is not judged."""
    short = without_first(MADE, TABLES, count)
    assert violations(short) == []
    assert examine(short).unchecked == {GONE: 3, LATE: late}
    assert examine(short).events == 13 - count


def test_a_sku_of_which_nothing_was_taken_is_judged_as_ever() -> None:
    wrong = violations(without(without_first(MADE, TABLES, 1), "CHAIR/3"))
    lost = "line.allocated is missing: CHAIR/3 line.allocated (x2 line 0, 2 units, of c1)"
    assert wrong[0] == "version: CHAIR/4 comes after CHAIR/2: 1 missing"
    assert wrong[1] == f"lost: raw-push/2@1 (order.placed) {lost}"


def test_a_sku_that_is_whole_is_judged_beside_one_of_its_partition_that_is_not() -> None:
    """The lamp's events are in the partition of the chair's, and its first is gone."""
    made = clean(of_bodies(batch("l1", "LAMP", 1), batch("c1", "CHAIR", 9), order("x1", ("CHAIR", 1), ("CHAIR", 2))))
    short = without_first(made, CHAIRS, 1)
    assert violations(short) == []
    assert examine(short).unchecked == {GONE: 1}
    assert violations(without(short, "CHAIR/2"))[0] == "version: CHAIR/3 comes after CHAIR/1: 1 missing"


def test_the_versions_that_are_left_have_no_gap() -> None:
    wrong = without(without_first(MADE, TABLES, 1), "TABLE/4")
    assert violations(wrong) == ["version: TABLE/5 comes after TABLE/3: 1 missing"]


def test_a_first_version_is_missing_where_retention_took_nothing_of_its_partition() -> None:
    wrong = without(without_first(MADE, CHAIRS, 1), "TABLE/1")
    assert violations(wrong)[0] == "version: TABLE/2 comes after TABLE/0: 1 missing"


def test_what_a_line_of_a_sku_held_before_is_not_asked_for() -> None:
    assert violations(changed(without_first(MADE, TABLES, 2), "TABLE/4", batch_ref="t9")) == []
    assert violations(changed(without_first(MADE, TABLES, 2), "TABLE/3", qty=99)) == []
    wrong = violations(changed(without_first(MADE, TABLES, 2), "CHAIR/4", batch_ref="t9"))
    assert "line: CHAIR/4: line 0 of x1 did not hold 1 units of t9" in wrong


@pytest.mark.parametrize(
    ("products", "lines"),
    [
        ({"CHAIR": 9}, ["table: products CHAIR: version 9 where the events add up to version 5"]),
        ({"NEVER": 9}, []),
    ],
)
def test_a_row_is_told_unless_all_events_of_its_sku_may_be_gone(products: dict[str, int], lines: list[str]) -> None:
    tables = replace(MADE.tables, products={**MADE.tables.products, **products})
    assert violations(replace(without_first(MADE, TABLES, 7), tables=tables)) == lines


def test_the_last_version_of_a_sku_is_told_though_its_first_is_gone() -> None:
    tables = replace(MADE.tables, products={**MADE.tables.products, "TABLE": 9})
    assert violations(replace(without_first(MADE, TABLES, 2), tables=tables)) == [
        "table: products TABLE: version 9 where the events add up to version 7"
    ]


@pytest.mark.parametrize(("name", "sku"), [("batches", "TABLE"), ("lines", "TABLE")])
def test_rows_of_a_sku_whose_first_events_are_gone_are_not_judged(name: str, sku: str) -> None:
    def wrong(sku: str) -> Evidence:
        rows = getattr(MADE.tables, name)
        spoilt = {key: row._replace(sku="OTHER") if row.sku == sku else row for key, row in rows.items()}
        return replace(MADE, tables=replace(MADE.tables, **{name: spoilt}))

    assert violations(without_first(wrong(sku), TABLES, 1)) == []
    assert violations(without_first(wrong("CHAIR"), TABLES, 1)) != []


@pytest.mark.parametrize(("partition", "count"), [(1, 1), (1, 2), (1, 5), (1, 6), (2, 1), (2, 2), (2, 3)])
def test_of_messages_that_are_gone_what_they_led_to_is_entered(partition: int, count: int) -> None:
    kept = [m for m in MADE.messages if m.partition != partition or m.offset >= count]
    short = replace(MADE, messages=kept, message_log=Log({partition: count}, MADE.message_log.ends, 3))
    assert violations(short) == []
    assert examine(short).messages == 9 - count
    assert examine(short).events == 13


def test_messages_that_are_gone_and_led_to_something_were_never_sent_if_retention_took_none() -> None:
    kept = [m for m in MADE.messages if m.partition != 1 or m.offset >= 1]
    wrong = violations(replace(MADE, messages=kept))
    assert wrong[0] == "cause: raw-push/1@0 led to events, and was never sent"


def test_a_dead_letter_that_is_gone_is_not_missed() -> None:
    taken = replace(MADE, dead_letters=[], dead_letter_log=Log({0: 1}, partitions=3))
    assert violations(taken) == []
    assert examine(taken).unchecked == {GONE: 1}
    assert len(violations(replace(MADE, dead_letters=[]))) == 1


def test_rejected_lines_that_are_gone_are_counted_by_order_where_their_sku_came_to_be_known() -> None:
    """The chairs' batch is of a partition that is looked at first: nothing tells that it came last."""
    orders = [order(name, ("CHAIR", 1), ("TABLE", 1)) for name in ("x1", "x3")]
    made = clean(of_bodies(batch("t1", "TABLE", 10), *orders, batch("b2", "CHAIR", 10)))
    short = without_first(made, CHAIRS, 2)
    assert violations(short) == []
    assert examine(short).unchecked == {"orders whose rejected lines retention may have taken": 2}


def test_an_order_that_failed_and_was_sent_again_is_known_by_its_events_though_the_dead_letter_is_gone() -> None:
    failed, again = of_bodies(*[order("o1", ("CHAIR", 1), customer_id="c")] * 2)
    made = clean([*of_bodies(batch("c1", "CHAIR", 10)), again])
    short = replace(made, messages=[*made.messages, failed], dead_letter_log=Log({0: 1, 1: 1, 2: 1}, partitions=3))
    assert violations(short) == []
    assert examine(short).unchecked == {GONE: 2}


@pytest.mark.parametrize("taken", ["messages", "events", "dead_letters"])
@pytest.mark.parametrize("share", [1, 2, 5, 9])
def test_what_retention_took_is_said_and_is_no_violation(taken: str, share: int) -> None:
    """The first so many tenths of each partition; what is wrong with the rest is still told."""
    made = clean(messages_of((v, k) for v, k, _ in stream(random.Random(share), 200)))
    records = getattr(made, taken)
    starts = {n: max(r.offset for r in records if r.partition == n) * share // 10 for n in range(3)}
    kept = [record for record in records if record.offset >= starts[record.partition]]
    log = {"messages": "message_log", "events": "event_log", "dead_letters": "dead_letter_log"}[taken]
    less: dict[str, Any] = {taken: kept, log: Log(starts, partitions=3)}
    short = replace(made, **less)
    assert violations(short) == []
    assert examine(short).unchecked
    last = max(n for n, record in enumerate(short.events) if body_of(record)["type"] == "line.allocated")
    assert violations(with_events(short, lambda events: events.append(events[last]._replace(offset=99_999))))
    assert violations(replace(short, tables=replace(short.tables, products={"CHAIR": 1})))
