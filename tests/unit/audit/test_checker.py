"""Each kind of wrong is put into evidence that is clean, and has to be told as what it is."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from python_app_template.audit.checker import examine, violations
from python_app_template.audit.evidence import PENDING, Cut, Evidence, Log, Move, Outbox, Record
from python_app_template.audit.rows import LineRow, Tables
from tests.clients import batch, cancelled, order, quantity
from tests.streams import stream
from tests.unit.audit.evidence import (
    body_of,
    clean,
    letter_of,
    messages_of,
    of_bodies,
    rewritten,
    with_events,
    with_letters,
)

MESSAGES = of_bodies(
    order("early", ("LAMP", 1)),  # rejected: nobody knows it yet
    batch("b1", "CHAIR", 10),
    batch("b2", "CHAIR", 10, "2030-01-01"),
    order("o1", ("CHAIR", 4)),
    order("o2", ("CHAIR", 5), ("CHAIR", 3)),
    order("o1", ("CHAIR", 4)),  # again
    order("o1", ("CHAIR", 5)),  # another of that id
    quantity("b1", 6),  # takes a line off
    cancelled("o2"),
    cancelled("never"),
    {"type": "odd", "order_id": "odd"},
    order("o3", ("CHAIR", 100)),  # out of stock
)
"""CHAIR: 1 b1, 2 b2, 3 o1 on b1, 4 o2/0 on b1, 5 o2/1 on b2, 6 b1 is 6, 7 o2/0 off b1, 8 o2/0 on b2, 9, 10 o2 off b2,
11 o3 out of stock."""

CLEAN = clean(MESSAGES)


def at(evidence: Evidence, ref: str) -> int:
    """Where an event stands in the list."""
    return next(n for n, record in enumerate(evidence.events) if body_of(record)["id"] == ref)


def letter(evidence: Evidence, reason: str) -> int:
    """Where the dead letter of a reason stands in the list."""
    return next(n for n, r in enumerate(evidence.dead_letters) if dict(r.headers)["dlq.reason"] == reason.encode())


def told(evidence: Evidence, kind: str, *parts: str) -> bool:
    """Whether a violation of this kind says all of that."""
    return any(line.startswith(f"{kind}: ") and all(part in line for part in parts) for line in violations(evidence))


def test_what_the_contract_says_is_clean() -> None:
    assert violations(CLEAN) == []
    findings = examine(CLEAN)
    assert (findings.messages, findings.events, findings.dead_letters) == (12, 12, 3)
    assert findings.rows == 1 + 2 + 4 + 5
    assert findings.unchecked == {}


def test_without_tables_and_cut_it_is_clean_too() -> None:
    assert violations(Evidence(messages=MESSAGES, events=CLEAN.events, dead_letters=CLEAN.dead_letters)) == []


def drop(ref: str) -> Callable[[list[Record]], object]:
    return lambda events: events.pop(at(CLEAN, ref))


def double(ref: str) -> Callable[[list[Record]], object]:
    def change(events: list[Record]) -> None:
        found = events[at(CLEAN, ref)]
        events.append(found._replace(offset=1000))

    return change


def swap(one: str, other: str) -> Callable[[list[Record]], object]:
    def change(events: list[Record]) -> None:
        a, b = at(CLEAN, one), at(CLEAN, other)
        events[a], events[b] = events[b]._replace(offset=events[a].offset), events[a]._replace(offset=events[b].offset)

    return change


def rewrite(ref: str, **more: Any) -> Callable[[list[Record]], object]:
    def change(events: list[Record]) -> None:
        n = at(CLEAN, ref)
        events[n] = rewritten(events[n], **more)

    return change


def move(ref: str, **more: Any) -> Callable[[list[Record]], object]:
    def change(events: list[Record]) -> None:
        n = at(CLEAN, ref)
        events[n] = events[n]._replace(**more)

    return change


OF_NOBODY = {"topic": "raw-push", "partition": 1, "offset": 77}


@pytest.mark.parametrize(
    ("change", "kind", "parts"),
    [
        (drop("CHAIR/4"), "version", ["CHAIR/5 comes after CHAIR/3", "1 missing"]),
        (drop("CHAIR/4"), "lost", ["line.allocated is missing", "o2 line 0"]),
        (drop("CHAIR/11"), "lost", ["line.out_of_stock is missing", "o3 line 0"]),
        (drop("early/0/rejected"), "lost", ["line.rejected is missing", "early line 0"]),
        (double("CHAIR/11"), "version", ["CHAIR/11 comes after CHAIR/11", "doubled"]),
        (double("CHAIR/11"), "doubled", ["led to CHAIR/11"]),
        (double("early/0/rejected"), "doubled", ["early/0/rejected"]),
        (swap("CHAIR/10", "CHAIR/11"), "version", ["CHAIR/10 comes after CHAIR/11"]),
        (rewrite("CHAIR/3", batch_ref="b2", eta="2030-01-01"), "allocation", ["of b2) where", "of b1) is due"]),
        (rewrite("CHAIR/3", qty=40), "over-allocation", ["after CHAIR/3", "40 of 10 units of b1"]),
        (rewrite("CHAIR/3", qty=40), "event", ["40 units", "4 units"]),
        (rewrite("CHAIR/11", type="line.rejected", version=0, id="o3/0/rejected", reason="x"), "allocation", ["o3"]),
        (rewrite("CHAIR/7", order_id="o1", line=0, qty=4), "event", ["o1 line 0", "o2 line 0"]),
        (rewrite("CHAIR/9", reason="quantity_changed"), "event", ["CHAIR/9 line.deallocated"]),
        (rewrite("CHAIR/9", batch_ref="b1"), "line", ["CHAIR/9: line 0 of o2 did not hold 5 units of b1"]),
        (rewrite("CHAIR/11", cause=OF_NOBODY), "cause", ["raw-push/1@77", "never sent"]),
        (rewrite("CHAIR/11", id="CHAIR/12"), "version", ["CHAIR/12 is version 11"]),
        (move("CHAIR/11", partition=(CLEAN.events[1].partition + 1) % 3), "partition", ["CHAIR/11", "its key belongs"]),
        (move("CHAIR/11", key=b"LAMP"), "envelope", ["CHAIR/11: its key is b'LAMP'"]),
        (move("CHAIR/11", headers=()), "envelope", ["CHAIR/11: its headers"]),
        (move("CHAIR/11", value=b'{"type":"line.allocated"}'), "envelope", ["of the events is none"]),
        (move("CHAIR/11", value=None), "envelope", ["of the events is none"]),
    ],
)
def test_a_wrong_event_is_told(change: Callable[[list[Record]], object], kind: str, parts: list[str]) -> None:
    assert told(with_events(CLEAN, change), kind, *parts), violations(with_events(CLEAN, change))


def test_a_duplicate_that_had_an_effect_is_told() -> None:
    again = [m for m in MESSAGES if b'"o1"' in (m.value or b"")][1]
    cause = {"topic": "raw-push", "partition": again.partition, "offset": again.offset}
    wrong = with_events(
        CLEAN, lambda events: events.append(rewritten(events[3], cause=cause, version=12, id="CHAIR/12"))
    )
    assert told(wrong, "doubled", "led to CHAIR/12", "had been applied before"), violations(wrong)
    assert told(wrong, "line", "CHAIR/12: line 0 of o1 was allocated already")


def test_an_event_of_a_message_that_was_aborted_is_told() -> None:
    gone = [m for m in MESSAGES if b'"o3"' not in (m.value or b"")]
    assert told(replace(CLEAN, messages=gone), "cause", "was never sent")


def test_an_order_in_which_nothing_could_be_applied_is_told() -> None:
    """Of two partitions, each saw the other's second message before its own first."""
    one, two, three, four = (order(f"x{n}", ("CHAIR", 1), ("LAMP", 1)) for n in range(4))
    made = clean(of_bodies(batch("c", "CHAIR"), batch("l", "LAMP"), one, two, three, four))
    lamps = [n for n, record in enumerate(made.events) if record.key == b"LAMP"][1:]

    def turn(events: list[Record]) -> None:
        for n, cause in zip(lamps, [body_of(events[n]) for n in reversed(lamps)], strict=True):
            about = {name: cause[name] for name in ("cause", "order_id", "line")}
            events[n] = rewritten(events[n], **about)

    assert told(with_events(made, turn), "order", "no order of the messages leads to these events")


@pytest.mark.parametrize("reason", ["conflict", "unknown_order", "unknown_type"])
def test_a_missing_dead_letter_is_told(reason: str) -> None:
    wrong = with_letters(CLEAN, lambda letters: letters.pop(letter(CLEAN, reason)))
    assert told(wrong, "dead letter", "is none, and has to be one", reason)


def test_a_dead_letter_for_a_wrong_reason_is_told() -> None:
    def change(letters: list[Record]) -> None:
        n = letter(CLEAN, "conflict")
        letters[n] = letters[n]._replace(
            headers=[(k, b"invalid" if k == "dlq.reason" else v) for k, v in letters[n].headers]
        )

    assert told(with_letters(CLEAN, change), "dead letter", "is one for invalid, and not for conflict")


def test_a_dead_letter_of_a_good_message_is_told_unless_it_failed() -> None:
    good = MESSAGES[-1]
    for reason, is_told in (("conflict", True), ("failed", False)):
        outcome = type("", (), {"reason": reason})()
        wrong = with_letters(CLEAN, lambda letters: letters.append(letter_of(good, outcome)._replace(offset=99)))  # noqa: B023
        assert told(wrong, "dead letter", "is one (conflict), and can be applied") is is_told
        assert told(wrong, "dead letter", "failed, and led to CHAIR/11") is not is_told


def test_what_failed_and_was_not_applied_is_clean() -> None:
    """The poison was the last: its event, its rows and its version are not there."""
    outcome = type("", (), {"reason": "failed"})()
    before = clean(MESSAGES[:-1])
    failed = letter_of(MESSAGES[-1], outcome)._replace(offset=99)
    cut = Cut(CLEAN.cut.positions) if CLEAN.cut else None
    made = replace(before, messages=MESSAGES, dead_letters=[*before.dead_letters, failed], cut=cut)
    assert violations(made) == []


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ({"value": b"{}"}, "its value is not as received"),
        ({"key": b"other"}, "its key was"),
        ({"partition": 5}, "is in partition 5"),
    ],
)
def test_a_dead_letter_that_was_altered_is_told(more: dict[str, Any], part: str) -> None:
    def change(letters: list[Record]) -> None:
        letters[0] = letters[0]._replace(**more)

    assert told(with_letters(CLEAN, change), "dead letter", part)


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("traceparent", b"00-2", "its headers are not as received"),
        ("dlq.detail", b"two\nlines", "dlq.detail"),
        ("dlq.timestamp", b"0", "dlq.timestamp"),
        ("dlq.service", b"", "dlq.service"),
        ("dlq.topic", b"elsewhere", "does not say where it is from"),
        ("dlq.offset", b"77", "was never sent"),
        ("dlq.offset", b"x", "does not say where it is from"),
    ],
)
def test_a_dead_letter_with_a_wrong_header_is_told(name: str, value: bytes, part: str) -> None:
    def change(letters: list[Record]) -> None:
        letters[0] = letters[0]._replace(headers=[(k, value if k == name else v) for k, v in letters[0].headers])

    assert told(with_letters(CLEAN, change), "dead letter", part), violations(with_letters(CLEAN, change))


def test_a_dead_letter_that_is_there_twice_is_told() -> None:
    wrong = with_letters(CLEAN, lambda letters: letters.append(letters[0]._replace(offset=99)))
    assert told(wrong, "dead letter", "is there 2 times")


def with_tables(**changes: dict[Any, Any]) -> Evidence:
    tables = CLEAN.tables
    rows = {name: {**getattr(tables, name)} for name in ("products", "batches", "orders", "lines")}
    for name, change in changes.items():
        for key, row in change.items():
            if row is None:
                del rows[name][key]
            elif isinstance(row, dict):
                rows[name][key] = rows[name][key]._replace(**row)
            else:
                rows[name][key] = row
    return replace(CLEAN, tables=Tables(**rows))


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"products": {"CHAIR": 12}}, ["products CHAIR: version 12", "add up to version 11"]),
        ({"products": {"CHAIR": None}}, ["products CHAIR: missing"]),
        ({"products": {"LAMP": 1}}, ["products LAMP: version 1, of which no event tells"]),
        ({"batches": {"b1": {"purchased": 7}}}, ["batches b1", "purchased 7", "purchased 6"]),
        ({"batches": {"b1": {"created_qty": 7}}}, ["batches b1", "created_qty 7"]),
        ({"batches": {"b1": {"allocated": 5}}}, ["batches b1: 5 allocated, and its lines hold 4"]),
        ({"batches": {"b2": {"allocated": 11}}}, ["batches b2: 11 of 10 allocated"]),
        ({"batches": {"b2": {"eta": None}}}, ["batches b2", "eta None"]),
        ({"lines": {("o1", 0): {"version": 4}}}, ["order_lines ('o1', 0)", "version 4", "version 3"]),
        ({"lines": {("o3", 0): {"status": "rejected"}}}, ["order_lines ('o3', 0)", "status rejected"]),
        ({"lines": {("o1", 0): {"batch_ref": "b2"}}}, ["order_lines ('o1', 0)", "batch_ref b2"]),
        ({"lines": {("o3", 0): None}}, ["order_lines ('o3', 0): missing"]),
        ({"lines": {("o3", 1): LineRow("CHAIR", 1, "out_of_stock", 11, None)}}, ["('o3', 1)", "no event tells"]),
        ({"orders": {"o2": {"cancelled": False}}}, ["orders o2", "cancelled False"]),
        ({"orders": {"o1": {"customer_id": "c"}}}, ["orders o1", "customer_id c"]),
        ({"orders": {"o1": None}}, ["orders o1: missing"]),
    ],
)
def test_a_row_that_is_not_what_the_events_add_up_to_is_told(changes: dict[str, Any], parts: list[str]) -> None:
    assert told(with_tables(**changes), "table", *parts), violations(with_tables(**changes))


def position(step: int, **more: Any) -> Evidence:
    """The clean evidence with the position of the last message's partition elsewhere."""
    assert CLEAN.cut is not None
    partition = MESSAGES[-1].partition
    positions = {**CLEAN.cut.positions, partition: CLEAN.cut.positions[partition] + step}
    return replace(CLEAN, cut=replace_cut(CLEAN.cut, positions=positions, **more))


def replace_cut(cut: Cut, **more: Any) -> Cut:
    return cut._replace(**more)


def test_a_position_below_what_was_applied_is_told() -> None:
    assert told(position(-1), "position", "CHAIR/11 comes of", "and the position is")


def test_a_position_beyond_a_message_that_was_not_applied_is_told() -> None:
    extra = of_bodies(*[order(f"p{n}", ("CHAIR", 1)) for n in range(9)])
    last = MESSAGES[-1]
    skipped = next(m for m in extra if m.partition == last.partition)._replace(offset=last.offset + 1)
    wrong = replace(position(1), messages=[*MESSAGES, skipped])
    assert told(wrong, "lost", "line.allocated is missing"), violations(wrong)


def test_a_position_beyond_the_end_of_its_log_is_told() -> None:
    wrong = replace(position(5), message_log=Log(ends={MESSAGES[-1].partition: MESSAGES[-1].offset + 1}))
    assert told(wrong, "position", "and its log ends at")


def test_what_came_after_the_cut_is_ignored_and_what_was_seen_before_it_is_not() -> None:
    """The position, the tables and what was readable are of before the last message."""
    before = clean(MESSAGES[:-1])
    assert before.cut is not None
    last = CLEAN.events[at(CLEAN, "CHAIR/11")]
    seen = {last.partition: last.offset}
    later = replace(CLEAN, tables=before.tables, cut=replace_cut(before.cut, seen_events=seen, seen_dead_letters={}))
    assert violations(later) == []
    too_early = replace_cut(before.cut, seen_events={last.partition: last.offset + 1}, seen_dead_letters={})
    assert told(replace(later, cut=too_early), "position", "CHAIR/11 comes of")


def test_events_that_wait_in_the_outbox_count() -> None:
    def take_out(events: list[Record]) -> None:
        n = at(CLEAN, "CHAIR/11")
        events[n] = events[n]._replace(offset=PENDING)

    assert violations(with_events(CLEAN, take_out)) == []


@pytest.mark.parametrize("taken", ["messages", "events", "dead_letters"])
@pytest.mark.parametrize("share", [1, 2, 5, 9])
def test_what_retention_took_is_said_and_is_no_violation(taken: str, share: int) -> None:
    """The first so many tenths of each partition; what is wrong with the rest is still told."""
    made = clean(messages_of((v, k) for v, k, _ in stream(random.Random(share), 600)))
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


ROWS = [(3, "c"), (4, "d"), (5, "e")]


@pytest.mark.parametrize(
    ("outbox", "part"),
    [
        (Outbox((4, "d"), 5, started=True, rows=ROWS), ""),
        (Outbox((9, "i"), 9, started=True, rows=ROWS), ""),
        (Outbox(None, 0, started=False, rows=[(0, "a")]), ""),
        (Outbox(None, 5, started=True, rows=ROWS), "the cursor is lost"),
        (Outbox((6, "f"), 5, started=True, rows=ROWS), "published up to 6, and the last number given is 5"),
        (Outbox((2, "b"), 5, started=True, rows=ROWS), "the oldest row there is has number 3"),
        (Outbox((4, "x"), 5, started=True, rows=ROWS), "row 4 is not the one"),
        (Outbox((3, "c"), 5, started=True, rows=[ROWS[0], ROWS[2]]), "its numbers have gaps"),
    ],
)
def test_a_cursor_that_does_not_belong_to_the_outbox_is_told(outbox: Outbox, part: str) -> None:
    assert CLEAN.cut is not None
    made = replace(CLEAN, cut=replace_cut(CLEAN.cut, outbox=outbox))
    assert told(made, "outbox", part) if part else violations(made) == []


def test_a_range_that_was_skipped_by_hand_is_not_missed_and_may_have_no_effect() -> None:
    last = MESSAGES[-1]
    before = clean(MESSAGES[:-1])
    assert before.cut is not None
    cut = replace_cut(
        before.cut,
        positions={**before.cut.positions, last.partition: last.offset + 1},
        moves=[Move(last.partition, last.offset, last.offset + 1)],
    )
    assert violations(replace(before, messages=MESSAGES, cut=cut)) == []
    assert told(replace(CLEAN, cut=cut), "position", "CHAIR/11 comes of", "which was skipped")


def test_a_range_that_was_applied_again_by_hand_is_no_violation() -> None:
    """The quantity was 6 by then: changed from 6 to 4 and again to 6, the two changes come a second time."""
    bodies = [batch("b", "CHAIR", 9), quantity("b", 4), quantity("b", 6)]
    messages = of_bodies(*bodies)
    again = clean([*messages, *messages[1:]])
    assert again.cut is not None
    home = messages[0].partition
    cut = replace_cut(again.cut, moves=[Move(home, messages[-1].offset + 1, messages[1].offset)])
    assert violations(replace(again, messages=messages, cut=cut)) == []
    assert violations(replace(again, messages=messages)) != []


def test_orders_that_were_purged_are_not_missed_and_may_come_again() -> None:
    again = of_bodies(order("o3", ("CHAIR", 100)))[0]
    bodies = [*MESSAGES, again._replace(offset=MESSAGES[-1].offset + 1)]
    made = clean(bodies)
    assert made.cut is not None
    gone = {key: row for key, row in made.tables.lines.items() if key[0] not in {"early", "o3"}}
    orders = {key: row for key, row in made.tables.orders.items() if key not in {"early", "o3"}}
    forgotten = replace(made, tables=replace(made.tables, lines=gone, orders=orders))
    assert told(forgotten, "table", "orders o3: missing")
    purged = replace(forgotten, cut=replace_cut(made.cut, purged=True))
    assert violations(purged) == []
    assert examine(purged).unchecked
