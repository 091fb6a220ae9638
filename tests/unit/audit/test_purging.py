"""Orders that are done with may be forgotten, and come again as new ones: that is excused, and nothing else is."""

from dataclasses import replace

from python_app_template.audit.checker import examine, violations
from python_app_template.audit.evidence import Evidence, Log
from python_app_template.audit.model import Model, Received
from python_app_template.audit.rows import LineRow
from tests.clients import Body, batch, cancelled, order, quantity
from tests.unit.audit.evidence import TOPIC, body_of, left_by, of_bodies, rewritten, with_events, with_letters

PURGED = "messages about orders that may have been purged"
STOCK = [batch("b", "CHAIR", 10), order("y", ("CHAIR", 4)), order("x", ("CHAIR", 20), ("SHELF", 1))]
"""CHAIR: 1 b, 2 y on b, 3 x/0 out of stock. SHELF is unknown."""


def purged(before: list[Body], after: list[Body], *, is_purged: bool = True) -> Evidence:
    """What is left when the order x was forgotten between these messages, or was not."""
    model, outcomes = Model(TOPIC), []
    for number, message in enumerate(of_bodies(*before, *after)):
        if number == len(before) and is_purged:
            del model.orders["x"]
        received = Received(message.partition, message.offset, message.value)
        outcomes.append((message, model.apply(received)))
    made = left_by(model, outcomes)
    assert made.cut
    return replace(made, cut=made.cut._replace(purged=True))


def not_purged(evidence: Evidence) -> Evidence:
    assert evidence.cut
    return replace(evidence, cut=evidence.cut._replace(purged=False))


def test_rows_of_an_order_that_is_done_with_may_be_gone() -> None:
    made = purged(STOCK, [])
    lines = {key: row for key, row in made.tables.lines.items() if key[0] != "x"}
    orders = {key: row for key, row in made.tables.orders.items() if key != "x"}
    gone = replace(made, tables=replace(made.tables, lines=lines, orders=orders))
    assert violations(gone) == []
    assert [line[:30] for line in violations(not_purged(gone))] == [
        "table: order_lines ('x', 0): m",
        "table: order_lines ('x', 1): m",
        "table: orders x: missing where",
    ]


def test_rows_of_an_order_that_holds_units_may_not_be_gone() -> None:
    made = purged(STOCK, [], is_purged=False)
    lines = {key: row for key, row in made.tables.lines.items() if key[0] != "y"}
    orders = {key: row for key, row in made.tables.orders.items() if key != "y"}
    gone = violations(replace(made, tables=replace(made.tables, lines=lines, orders=orders)))
    due = "missing where the events add up to"
    row = "sku CHAIR, qty 4, status allocated, version 2, batch_ref b"
    assert gone[1] == f"table: order_lines ('y', 0): {due} {row}"
    assert gone[2] == f"table: orders y: {due} customer_id None, placed_at None, cancelled False"
    assert len(gone) == 3


def test_rows_of_an_order_that_is_still_there_are_judged() -> None:
    made = purged(STOCK, [], is_purged=False)
    assert violations(made) == []
    lines = {**made.tables.lines, ("x", 0): LineRow("CHAIR", 20, "out_of_stock", 7, None)}
    assert len(violations(replace(made, tables=replace(made.tables, lines=lines)))) == 1


def test_rows_of_an_order_of_which_nobody_heard_are_told() -> None:
    made = purged(STOCK, [], is_purged=False)
    lines = {**made.tables.lines, ("z", 0): LineRow("CHAIR", 1, "out_of_stock", 3, None)}
    assert len(violations(replace(made, tables=replace(made.tables, lines=lines)))) == 1


def test_an_order_that_was_purged_may_come_again_as_a_new_one() -> None:
    made = purged(STOCK, [order("x", ("CHAIR", 2)), cancelled("x")])
    assert violations(made) == []
    assert examine(made).unchecked == {PURGED: 1}
    assert any("had been applied before" in line or "conflict" in line for line in violations(not_purged(made)))


def test_what_a_message_that_is_gone_led_to_comes_before_what_its_partition_still_has() -> None:
    """Retention took the order that was purged, and left the event about it."""
    made = purged([order("x", ("SHELF", 1))], [order("x", ("LAMP", 2))])
    gone = made.messages[0]
    kept = replace(made, messages=made.messages[1:], message_log=Log({gone.partition: gone.offset + 1}, partitions=3))
    assert violations(kept) == []
    assert examine(kept).unchecked[PURGED] == 1


def test_a_cancelled_order_may_be_purged_and_come_again() -> None:
    """What became of the new one came after the cancellation of the old one."""
    for before in ([*STOCK, cancelled("x")], [batch("b"), order("x", ("CHAIR", 1), ("SHELF", 1)), cancelled("x")]):
        made = purged(before, [order("x", ("CHAIR", 2)), quantity("b", 1), cancelled("x")])
        assert violations(made) == []


def test_what_comes_of_a_new_order_is_judged_once_it_holds_units() -> None:
    made = purged(STOCK, [order("x", ("CHAIR", 2)), cancelled("x")])
    gone = with_events(made, lambda events: events.remove(next(e for e in events if body_of(e)["version"] == 5)))
    assert violations(gone)[0].endswith("is missing: CHAIR/5 line.deallocated (x line 0, 2 units, of b)")


def test_the_same_order_again_has_no_effect_when_it_is_not_purged() -> None:
    made = purged(STOCK, [order("x", ("CHAIR", 20), ("SHELF", 1)), cancelled("x"), cancelled("x")], is_purged=False)
    assert violations(made) == []
    assert examine(made).unchecked == {PURGED: 3}
    assert made.tables.orders["x"].cancelled


def test_a_cancellation_of_what_was_purged_is_a_dead_letter() -> None:
    made = purged(STOCK, [cancelled("x"), order("x", ("CHAIR", 2))])
    assert [dict(letter.headers)["dlq.reason"] for letter in made.dead_letters] == [b"unknown_order"]
    assert violations(made) == []
    assert examine(made).unchecked == {PURGED: 2}


def test_an_order_that_holds_units_is_judged_as_ever() -> None:
    made = purged(STOCK, [order("y", ("CHAIR", 5))], is_purged=False)
    assert examine(made).unchecked == {}
    gone = violations(with_letters(made, lambda letters: letters.clear()))
    assert len(gone) == 1
    assert gone[0].endswith("(order.placed) is none, and has to be one: conflict")


def test_a_batch_is_judged_as_ever() -> None:
    made = purged(STOCK, [quantity("b", 3)])
    assert examine(made).unchecked == {}
    gone = with_events(made, lambda events: events.pop())
    assert any(line.startswith("lost: ") for line in violations(gone))


def test_what_is_impossible_about_a_purged_order_is_told() -> None:
    made = purged(STOCK, [order("x", ("CHAIR", 2))])
    last = made.events[-1]
    wrong = with_events(made, lambda events: events.append(rewritten(events.pop(), qty=20)))
    assert body_of(last)["id"] == "CHAIR/4"
    assert violations(wrong)[0] == "over-allocation: after CHAIR/4: 24 of 10 units of b are allocated"
