"""What a peer left behind is held to its guarantee: nothing wrong passes, nothing right is called wrong."""

from datetime import date
from typing import Any

import pytest

from tests.benchmark.peers.judgement import SHOWN, Batch, Line, Ordered, Promise, Result, judge

EXACTLY_ONCE = Promise()
LATER = date(2030, 1, 1)
LINES = [Line("o1", 0, "CHAIR", 2, "b1"), Line("o1", 1, "LAMP", 1, "b3"), Line("o2", 0, "CHAIR", 3, "b1")]
BATCHES = [Batch("b1", "CHAIR", None, 6, 5), Batch("b2", "CHAIR", LATER, 9, 0), Batch("b3", "LAMP", None, 1, 1)]


def result(**changed: Any) -> Result:
    """All as it should be, but for what is changed: two orders consumed, a third not yet."""
    right: dict[str, Any] = {
        "ordered": {
            "o1": Ordered(0, 0, [("CHAIR", 2), ("LAMP", 1)]),
            "o2": Ordered(1, 0, [("CHAIR", 3)]),
            "o3": Ordered(0, 1, [("CHAIR", 1)]),
        },
        "consumed": {0: 1, 1: 1, 2: -1001},
        "lines": LINES,
        "batches": BATCHES,
        "events": LINES,
        "versions": [("CHAIR", 1), ("LAMP", 1), ("CHAIR", 2)],
        "pending": [],
    }
    return Result(**right | changed)


def instead(number: int, **fields: Any) -> list[Line]:
    """The lines, but for one."""
    return [line._replace(**fields) if n == number else line for n, line in enumerate(LINES)]


def test_what_is_right_passes() -> None:
    assert judge(result(), EXACTLY_ONCE) == []


def test_an_event_may_wait_in_the_outbox() -> None:
    waits = result(events=LINES[:2], versions=[("CHAIR", 1), ("LAMP", 1)], pending=LINES[2:])
    assert judge(waits, EXACTLY_ONCE) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"consumed": {0: 2, 1: 1}}, "not in the tables: o3"),
        ({"lines": instead(0, qty=1)}, "not as ordered: o1"),
        ({"lines": instead(0, sku="RUG")}, "not as ordered: o1"),
        ({"lines": [*LINES, Line("o9", 0, "RUG", 1, None)]}, "not as ordered: o9"),
        ({"lines": LINES[:1] + LINES[2:]}, "not as ordered: o1"),
        (
            {"batches": [*BATCHES[1:], BATCHES[0]._replace(allocated=4)]},
            "stock: b1: 4 of 6 allocated, its lines have 5",
        ),
        (
            {"batches": [*BATCHES[1:], BATCHES[0]._replace(purchased=4)]},
            "stock: b1: 5 of 4 allocated, its lines have 5",
        ),
        ({"lines": instead(2, batch_ref=None)}, "preference: o2/0 has None, not b2"),
        ({"events": instead(0, batch_ref="b2")}, "contradicted by an event: o1/0"),
        ({"events": [*LINES, Line("o3", 0, "CHAIR", 1, "b1")]}, "contradicted by an event: o3/0"),
        ({"events": LINES[:2]}, "without all its events: o2"),
        ({"events": [*LINES, LINES[0]]}, "told twice: o1"),
        ({"versions": [("CHAIR", 1), ("CHAIR", 3)]}, "out of order: CHAIR/3 follows 1"),
        ({"versions": [("CHAIR", 2), ("CHAIR", 1)]}, "out of order: CHAIR/1 follows 2"),
        ({"lines": [], "events": []}, "nothing was allocated"),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, Any], said: str) -> None:
    assert said in judge(result(**changed), EXACTLY_ONCE)


def test_a_batch_that_is_preferred_and_has_room_must_be_taken() -> None:
    batches = [Batch("b1", "CHAIR", None, 6, 2), Batch("b2", "CHAIR", LATER, 9, 3), BATCHES[2]]
    wrong = result(lines=instead(2, batch_ref="b2"), events=instead(2, batch_ref="b2"), batches=batches)
    assert judge(wrong, EXACTLY_ONCE) == ["preference: o2/0 has b2, not b1"]


@pytest.mark.parametrize("changed", [{"events": LINES[:2]}, {"events": [*LINES, LINES[0]]}])
def test_what_was_in_hand_may_be_lost_or_told_twice_where_no_more_is_promised(changed: dict[str, Any]) -> None:
    assert judge(result(**changed), Promise(in_hand=1)) == []


def test_more_than_was_in_hand_may_not_be_lost() -> None:
    assert judge(result(events=[]), Promise(in_hand=1)) == [f"without all its events: o{n}" for n in (1, 2)]


def test_orders_may_be_lost_only_at_most_once() -> None:
    lost = result(consumed={0: 2, 1: 1})
    assert judge(lost, Promise(in_hand=1, loses_orders=True)) == []
    assert judge(lost, Promise(in_hand=1)) == ["not in the tables: o3"]


def test_of_many_the_first_are_named_and_the_others_counted() -> None:
    lines = [Line(f"x{number}", 0, "RUG", 1, None) for number in range(SHOWN + 2)]
    said = judge(result(lines=LINES + lines, events=LINES + lines), EXACTLY_ONCE)
    assert [line for line in said if line.startswith("not as ordered")][SHOWN:] == ["not as ordered: 2 more"]
