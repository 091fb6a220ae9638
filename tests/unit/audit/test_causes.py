"""Events against the messages that are said to have led to them, and against each other."""

from dataclasses import replace

import pytest

from python_app_template.audit.books import Books
from python_app_template.audit.checker import examine, violations
from python_app_template.audit.evidence import PENDING, Evidence, Log, Record
from tests.clients import batch, cancelled, order, quantity
from tests.unit.audit.evidence import body_of, clean, of_bodies, rewritten, with_events
from tests.unit.audit.scene import CLEAN, MESSAGES, at, told

AGAIN = MESSAGES[5]
"""The order o1 a second time."""


def with_an_effect_of_the_duplicate() -> Evidence:
    cause = {"topic": "raw-push", "partition": AGAIN.partition, "offset": AGAIN.offset}
    more = rewritten(CLEAN.events[at(CLEAN, "CHAIR/3")], cause=cause, version=12, id="CHAIR/12")
    return with_events(CLEAN, lambda events: events.append(more._replace(offset=1000)))


def test_a_duplicate_that_had_an_effect_is_told() -> None:
    assert violations(with_an_effect_of_the_duplicate())[:2] == [
        "doubled: raw-push/1@1 (order.placed) led to CHAIR/12, and had been applied before",
        "line: CHAIR/12: line 0 of o1 was allocated already",
    ]


def test_where_the_first_of_an_id_is_not_known_the_second_is_not_held_against_it() -> None:
    wrong = with_an_effect_of_the_duplicate()
    found = replace(wrong, messages=[m for m in MESSAGES if m[:2] != (1, 0)], tables=None)
    assert [line for line in violations(found) if "raw-push/1@1" in line] == []
    assert examine(found).unchecked["messages about what retention took"]


def test_an_event_of_a_message_that_was_aborted_is_told() -> None:
    gone = [m for m in MESSAGES if b'"o3"' not in (m.value or b"")]
    assert violations(replace(CLEAN, messages=gone, tables=None)) == [
        "cause: raw-push/2@4 led to events, and was never sent"
    ]


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


def test_events_that_wait_in_the_outbox_count() -> None:
    def take_out(events: list[Record]) -> None:
        n = at(CLEAN, "CHAIR/11")
        events[n] = events[n]._replace(offset=PENDING)

    assert violations(with_events(CLEAN, take_out)) == []


def test_events_that_wait_in_the_outbox_have_no_partition_yet() -> None:
    def take_out(events: list[Record]) -> None:
        n = at(CLEAN, "CHAIR/11")
        events[n] = events[n]._replace(partition=0, offset=PENDING)

    found = violations(with_events(CLEAN, take_out))
    assert not any(line.startswith("partition: CHAIR/11") for line in found)


def test_an_event_without_a_key_belongs_where_an_empty_key_does() -> None:
    def change(events: list[Record]) -> None:
        n = at(CLEAN, "CHAIR/11")
        events[n] = events[n]._replace(key=None)

    first = CLEAN.events[at(CLEAN, "CHAIR/1")]._replace(key=None, partition=3)  # as Kafka's clients say of six
    of_six = replace(CLEAN, events=[first], event_log=Log(partitions=6))
    assert not any(line.startswith("partition: ") for line in violations(of_six))
    assert violations(with_events(CLEAN, change)) == [
        "envelope: CHAIR/11: its key is None",
        "partition: CHAIR/11 is in partition 2 where its key belongs to 0",
    ]


@pytest.mark.parametrize("number", [3, 4, 8, 9, 10, 11])
def test_the_event_that_is_missing_is_named(number: int) -> None:
    """Of three lines of one order, and of three orders that one message takes off one batch."""
    orders = [order("m", ("CHAIR", 1), ("CHAIR", 1), ("CHAIR", 1)), order("n", ("CHAIR", 1)), order("p", ("CHAIR", 1))]
    made = clean(of_bodies(batch("b", "CHAIR", 5), *orders, quantity("b", 0)))
    gone = next(event for event in made.events if body_of(event)["version"] == number)
    body = body_of(gone)
    lost = [v for v in violations(with_events(made, lambda events: events.remove(gone))) if v.startswith("lost: ")]
    about = f"{body['order_id']} line {body['line']}"
    assert f"{body['type']} is missing: CHAIR/{number} {body['type']} ({about}, 1 units, of b)" in lost[0]


def test_what_is_doubled_does_not_end_the_check_of_what_comes_after_it() -> None:
    """Two lines have one version then: the batch is emptied, by a change and by a cancellation."""
    bodies = [batch("b", "CHAIR", 10), order("o", ("CHAIR", 1)), order("p", ("CHAIR", 2))]
    for last in (quantity("b", 0), cancelled("o")):
        made = clean(of_bodies(*bodies, last))
        n = next(n for n, event in enumerate(made.events) if body_of(event)["version"] == 3)

        def change(events: list[Record], n: int = n) -> None:
            events[n] = rewritten(events[n], version=2, id="CHAIR/2")

        assert violations(with_events(made, change))[0].endswith(
            "CHAIR/2 comes after CHAIR/2: doubled, or out of order"
        )


@pytest.mark.parametrize(("reason", "is_cancelled"), [("order_cancelled", True), ("quantity_changed", False)])
def test_an_order_is_cancelled_once_a_line_was_taken_off_for_that(*, reason: str, is_cancelled: bool) -> None:
    books = Books()
    events = [body_of(record) for record in CLEAN.events]
    wanted = ("CHAIR/1", "CHAIR/3")
    taken = {"type": "line.deallocated", "id": "CHAIR/4", "version": 4, "reason": reason}
    of_o1 = [event for event in events if event["id"] in wanted]
    for event in (*of_o1, of_o1[-1] | taken):
        assert list(books.enter(event)) == []
    assert books.orders["o1"].cancelled is is_cancelled
