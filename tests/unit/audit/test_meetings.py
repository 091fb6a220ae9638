"""Messages of one id that came by several partitions: what became of them is all that tells their order."""

import json
from dataclasses import replace
from typing import Any

import pytest

from python_app_template.audit.checker import examine, violations
from python_app_template.audit.evidence import Evidence, Log, Record
from python_app_template.audit.meeting import glance
from python_app_template.audit.model import Outcome
from tests.clients import Body, batch, cancelled, order, quantity
from tests.unit.audit.evidence import clean, letter_of, with_events, with_letters


def sent(*bodies: tuple[int, int, Body]) -> list[Record]:
    """Messages where they are said to be, whatever their key."""
    return [Record(p, o, b"k", json.dumps(body).encode(), (), 1000) for p, o, body in bodies]


def shuffled(evidence: Evidence) -> Evidence:
    """The same as it is read: by partition and offset, which tells nothing of the order."""
    return replace(evidence, messages=sorted(evidence.messages, key=lambda m: (-m.partition, m.offset)))


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (order("o"), ("order.placed", ("order", "o"))),
        (cancelled("o"), ("order.cancelled", ("order", "o"))),
        (batch("b"), ("batch.created", ("batch", "b"))),
        (quantity("b", 1), ("batch.quantity_changed", ("batch", "b"))),
        (order("o") | {"batch_ref": "b"}, ("order.placed", ("order", "o"))),
        (batch("b") | {"order_id": "o"}, ("batch.created", ("batch", "b"))),
        ({"type": "order.placed", "order_id": 7}, None),
        ({"type": "order.placed", "batch_ref": "b"}, None),
        ({"type": "batch.created", "order_id": "o"}, None),
        ({"type": "order.lost", "order_id": "o"}, None),
        ({"order_id": "o"}, None),
        ([], None),
    ],
)
def test_a_glance_tells_what_a_message_is_about(value: Any, seen: object) -> None:
    assert glance(json.dumps(value).encode()) == seen


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff", b"[" * 100_000, b'{"type":"\\ud800"}'])
def test_what_is_no_message_is_about_nothing(value: bytes | None) -> None:
    assert glance(value) is None


FIRST, OTHER = order("o", ("CHAIR", 1)), order("o", ("CHAIR", 2))
STOCK = (0, 0, batch("b", "CHAIR", 10))
TABLES = (0, 1, batch("t", "TABLE", 10))
EARLY = (2, 1, cancelled("o"))


@pytest.mark.parametrize(
    "messages",
    [
        [STOCK, (2, 0, order("o", ("CHAIR", 99))), (1, 0, cancelled("o"))],
        [STOCK, (2, 0, FIRST), (1, 0, FIRST)],
        [STOCK, (1, 0, FIRST), (2, 0, OTHER)],
        [STOCK, (2, 0, FIRST), (1, 0, OTHER)],
        [STOCK, (1, 0, FIRST), (2, 0, FIRST)],
        [STOCK, (1, 0, cancelled("o")), (2, 0, FIRST)],
        [STOCK, (2, 0, cancelled("o")), (1, 0, FIRST)],
        [STOCK, (2, 0, FIRST), (1, 0, cancelled("o"))],
        [STOCK, (1, 0, FIRST), (2, 0, cancelled("o"))],
        [STOCK, (1, 0, cancelled("o")), (2, 0, FIRST), (0, 1, cancelled("o"))],
        [STOCK, TABLES, (0, 2, order("r", ("TABLE", 1))), (2, 0, order("q", ("TABLE", 1))), EARLY, (1, 0, FIRST)],
        [(1, 0, quantity("b", 3)), STOCK, (2, 0, quantity("b", 4))],
        [(2, 0, quantity("b", 3)), STOCK, (1, 0, quantity("b", 4))],
        [(1, 0, batch("c", "CHAIR", 1)), STOCK, (2, 0, batch("b", "CHAIR", 11)), (1, 1, batch("b", "CHAIR", 10))],
        [STOCK, (2, 0, FIRST), (1, 0, quantity("b", 0)), (1, 1, cancelled("o"))],
        [STOCK, (1, 0, FIRST), (2, 0, quantity("b", 0)), (2, 1, cancelled("o"))],
        [STOCK, (1, 0, FIRST), (2, 0, cancelled("o")), (0, 1, quantity("b", 0)), (2, 1, batch("b", "CHAIR", 10))],
    ],
)
def test_in_whatever_partitions_messages_meet_it_is_clean(messages: list[tuple[int, int, Body]]) -> None:
    made = clean(sent(*messages))
    assert violations(made) == []
    assert violations(shuffled(made)) == []


def test_a_change_of_which_nothing_tells_when_it_came_is_not_judged() -> None:
    """From 10 to 5 and back to 10 by one partition; to 5 by another, which was 5 already: or had it been 10."""
    messages = [STOCK, (1, 0, quantity("b", 5)), (2, 0, quantity("b", 5)), (1, 1, quantity("b", 10))]
    made = clean(sent(*messages))
    assert violations(made) == []
    assert examine(made).unchecked == {"changes of a batch that came by several partitions": 1}


def test_a_change_that_led_to_something_is_judged_wherever_it_came_from() -> None:
    made = clean(sent(STOCK, (1, 0, quantity("b", 5)), (2, 0, quantity("b", 6))))
    assert examine(made).unchecked == {}


def test_a_dead_letter_is_judged_though_its_batch_came_by_several_partitions() -> None:
    made = clean(sent((1, 0, quantity("b", 3)), STOCK, (2, 0, quantity("b", 4))))
    assert examine(made).unchecked == {}
    gone = with_letters(made, lambda letters: letters.pop())
    assert examine(gone).unchecked == {"changes of a batch that came by several partitions": 1}


def test_of_two_orders_of_one_id_one_that_had_an_effect_too_is_told() -> None:
    made = clean(sent(STOCK, (1, 0, FIRST), (2, 0, OTHER)))
    gone = with_letters(made, lambda letters: letters.clear())
    assert violations(gone) == ["dead letter: raw-push/2@0 (order.placed) is none, and has to be one: conflict"]


def test_what_failed_may_have_come_at_any_time() -> None:
    """The order that failed, of partition 2, and the one that came after it: neither is put before the other."""
    made = clean(sent(STOCK, (1, 0, FIRST)))
    failed = sent((2, 0, OTHER), (2, 1, cancelled("o")))
    letters = [letter_of(message, Outcome(reason="failed")) for message in failed]
    letters = [letter._replace(offset=n) for n, letter in enumerate(letters)]
    cut = made.cut._replace(positions={0: 1, 1: 1, 2: 2}) if made.cut else None
    with_failed = replace(made, messages=[*failed, *made.messages], dead_letters=letters, cut=cut)
    assert violations(with_failed) == []


def test_when_retention_took_dead_letters_what_led_to_nothing_tells_nothing() -> None:
    """The cancellation that came first was a dead letter, which is gone: it is not taken for one that came later."""
    made = clean(sent(STOCK, (1, 0, cancelled("o")), (2, 0, FIRST), (1, 1, order("p", ("CHAIR", 1)))))
    short = replace(made, dead_letters=[], dead_letter_log=Log({0: 1, 1: 1, 2: 1}, partitions=3))
    assert violations(short) == []
    assert violations(shuffled(short)) == []


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_cancellation_comes_after_what_happened_to_the_orders_other_lines(*, is_silent: bool) -> None:
    """It gives the table back; the chair was taken off by a change of another partition."""
    o = order("o", ("TABLE", 1), ("CHAIR", 5))
    stock = [(0, 0, batch("b", "CHAIR", 10)), (0, 1, batch("t", "TABLE", 10))]
    made = clean(sent(*stock, (1, 0, o), (2, 0, quantity("b", 0)), (1, 1, cancelled("o"))))
    log = Log({0: 1} if is_silent else {}, partitions=3)
    assert violations(replace(shuffled(made), dead_letter_log=log)) == []


def test_a_cancellation_that_led_to_nothing_comes_last_too_unless_a_dead_letter_may_be_gone() -> None:
    made = clean(sent(STOCK, (1, 0, FIRST), (2, 0, quantity("b", 0)), (1, 1, cancelled("o"))))
    assert violations(made) == []
    assert violations(replace(made, messages=sorted(made.messages))) == []


def test_a_change_of_a_batch_that_came_by_one_partition_is_judged_though_it_led_to_nothing() -> None:
    made = clean(sent(STOCK, (0, 1, quantity("b", 5)), (1, 0, FIRST)))
    gone = with_events(made, lambda events: events.pop(1))
    assert examine(gone).unchecked == {}
    assert any(line.startswith("lost: raw-push/0@1 (batch.quantity_changed)") for line in violations(gone))


def test_a_failed_order_and_what_came_with_it_are_not_put_after_the_order_that_was_applied() -> None:
    """The stock came after them in their partition, and the order needs it."""
    late = sent((2, 0, OTHER), (2, 1, cancelled("o")), (2, 2, STOCK[2]))
    first = sent((1, 0, FIRST))
    made = clean([late[2], *first])
    letters = [letter_of(message, Outcome(reason="failed"))._replace(offset=n) for n, message in enumerate(late[:2])]
    with_failed = replace(made, messages=[*late, *first], dead_letters=letters)
    assert violations(with_failed) == []
    gone = replace(with_failed, dead_letters=letters[1:], dead_letter_log=Log({2: 1}, partitions=3))
    assert violations(gone) == []
