"""The cut, retention, the outbox, moves by hand, purging: what they excuse, and what they do not."""

from dataclasses import replace

import pytest

from python_app_template.audit.checker import examine, violations
from python_app_template.audit.evidence import Evidence, Log, Move, Outbox
from tests.clients import batch, order, quantity
from tests.unit.audit.evidence import clean, of_bodies
from tests.unit.audit.scene import CLEAN, MESSAGES, at, letter, position, replace_cut, told


def test_what_the_contract_says_is_clean() -> None:
    assert violations(CLEAN) == []
    findings = examine(CLEAN)
    assert (findings.messages, findings.events, findings.dead_letters) == (12, 12, 3)
    assert findings.rows == 1 + 2 + 4 + 5
    assert findings.unchecked == {}


def test_without_tables_and_cut_it_is_clean_too() -> None:
    assert violations(Evidence(messages=MESSAGES, events=CLEAN.events, dead_letters=CLEAN.dead_letters)) == []


def test_a_position_below_what_was_applied_is_told() -> None:
    found = violations(replace(position(-1), tables=None))
    assert found == ["position: CHAIR/11 comes of raw-push/2@4, and the position is 4"]


def test_a_position_beyond_a_message_that_was_not_applied_is_told() -> None:
    extra = of_bodies(*[order(f"p{n}", ("CHAIR", 1)) for n in range(9)])
    last = MESSAGES[-1]
    skipped = next(m for m in extra if m.partition == last.partition)._replace(offset=last.offset + 1)
    wrong = replace(position(1), messages=[*MESSAGES, skipped])
    assert told(wrong, "lost", "line.allocated is missing"), violations(wrong)


def test_a_position_beyond_the_end_of_its_log_is_told() -> None:
    wrong = replace(position(5), message_log=Log(ends={2: 5}))
    assert violations(wrong) == ["position: partition 2 stands at 10, and its log ends at 5"]
    assert violations(replace(position(5), message_log=Log(ends={2: 10}))) == []
    assert violations(replace(position(5), message_log=Log())) == []


def test_a_partition_of_which_nothing_was_applied_has_no_position() -> None:
    assert CLEAN.cut is not None
    positions = {partition: at for partition, at in CLEAN.cut.positions.items() if partition != 0}
    found = violations(replace(CLEAN, tables=None, cut=replace_cut(CLEAN.cut, positions=positions)))
    assert found == [
        "position: early/0/rejected comes of raw-push/0@0, and the position is 0",
        "position: CHAIR/2 comes of raw-push/0@1, and the position is 0",
    ]


def test_offsets_of_a_topic_that_was_made_anew_are_held_against_no_position() -> None:
    assert CLEAN.cut is not None
    cut = replace_cut(CLEAN.cut, positions={0: 0, 1: 0, 2: 0}, reborn=True)
    assert not any(line.startswith("position: ") for line in violations(replace(CLEAN, cut=cut)))


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


def test_a_dead_letter_that_came_after_the_cut_is_ignored_and_one_that_was_seen_before_it_is_not() -> None:
    last = MESSAGES[10]  # the one of an odd type
    kept = [*MESSAGES[:10], MESSAGES[11]]
    before, where = clean(kept), (last.partition, last.offset)
    assert before.cut is not None
    assert where == (1, 4)
    dead = CLEAN.dead_letters[letter(CLEAN, "unknown_type")]
    cut = replace_cut(before.cut, seen_events=dict.fromkeys(range(3), 99), seen_dead_letters={1: dead.offset})
    later = replace(before, messages=MESSAGES, dead_letters=[*before.dead_letters, dead], cut=cut)
    assert violations(later) == []
    too_early = replace_cut(cut, seen_dead_letters={1: dead.offset + 1})
    assert violations(replace(later, cut=too_early)) == [
        "position: a dead letter comes of raw-push/1@4, and the position is 4"
    ]


ROWS = [(3, "c"), (4, "d"), (5, "e")]
CURSOR_LOST = "the cursor is lost: something was published, and the positions topic has none"


@pytest.mark.parametrize(
    ("outbox", "part"),
    [
        (Outbox((4, "d"), 5, started=True, rows=ROWS), ""),
        (Outbox((9, "i"), 9, started=True, rows=ROWS), ""),
        (Outbox((3, "c"), 5, started=True, rows=ROWS), ""),
        (Outbox((3, "c"), 3, started=True), ""),
        (Outbox(None, 0, started=False), ""),
        (Outbox(None, 0, started=False, rows=[(0, "a")]), ""),
        (Outbox(None, 5, started=True, rows=ROWS), CURSOR_LOST),
        (Outbox((6, "f"), 5, started=True, rows=ROWS), "published up to 6, and the last number given is 5"),
        (Outbox((2, "b"), 5, started=True, rows=ROWS), "published up to 2, and the oldest row there is has number 3"),
        (Outbox((4, "x"), 5, started=True, rows=ROWS), "row 4 is not the one that was published under that number"),
        (Outbox((3, "c"), 5, started=True, rows=[ROWS[0], ROWS[2]]), "its numbers have gaps: 3 to 5 in 2 rows"),
    ],
)
def test_a_cursor_that_does_not_belong_to_the_outbox_is_told(outbox: Outbox, part: str) -> None:
    assert CLEAN.cut is not None
    made = replace(CLEAN, cut=replace_cut(CLEAN.cut, outbox=outbox))
    assert violations(made) == ([f"outbox: {part}"] if part else [])


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
