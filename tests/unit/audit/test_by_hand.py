"""What an operator moved is named and is no violation; whatever else is wrong is told all the same."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from python_app_template.audit.checker import examine, violations
from python_app_template.audit.evidence import CursorMove, Decision, Evidence, Log, Move, Passed, Record
from tests.clients import batch, cancelled, order, quantity
from tests.streams import stream
from tests.unit.audit.evidence import clean, in_log, messages_of, of_bodies

WHY = Decision("anna", "2026-11-20T20:00:00Z", "the topic was emptied")
SAID = "the topic was emptied, 2026-11-20T20:00:00Z, anna"
SEEDS = (0, 1, 2, 114)


def left(seed: int, count: int = 150) -> Evidence:
    """What a service leaves of a random stream; its events stand in the order in which they were committed."""
    return clean(messages_of((value, key) for value, key, _ in stream(random.Random(seed), count)))


def stretch(records: Sequence[Record], seed: int) -> slice:
    """A part of what is there that begins and ends within it."""
    low, high = sorted(random.Random(seed).sample(range(1, len(records)), 2))
    return slice(low, high)


def moved(evidence: Evidence, **cut: Any) -> Evidence:
    assert evidence.cut is not None
    return replace(evidence, cut=evidence.cut._replace(**cut))


def by_hand(evidence: Evidence) -> list[tuple[str, str]]:
    return [(kind, text) for kind, text in examine(evidence).by_hand]


@pytest.mark.parametrize("seed", SEEDS)
def test_events_that_the_cursor_was_moved_past_are_named_and_not_lost(seed: int) -> None:
    made = left(seed)
    events, letters = stretch(made.events, seed), stretch(made.dead_letters, seed)
    skipped = Passed(made.events[events], made.dead_letters[letters])
    gone = replace(
        made,
        events=[record for record in made.events if record not in skipped.events],
        dead_letters=[record for record in made.dead_letters if record not in skipped.dead_letters],
    )
    explained = moved(gone, cursor_moves=[CursorMove(4, 9, skipped, decision=WHY)])
    assert violations(gone), "nobody said why"
    assert violations(explained) == []
    counts = f"{len(skipped.events)} events and {len(skipped.dead_letters)} dead letters"
    text = f"published cursor, 4 to 9: {counts} were skipped by an operator ({SAID})"
    assert by_hand(explained) == [("skipped", text)]
    assert violations(replace(explained, events=explained.events[:-1])), "one more is missing"


@pytest.mark.parametrize("seed", SEEDS)
def test_events_that_were_published_again_are_named_and_not_doubled(seed: int) -> None:
    made = left(seed)
    part, letters = stretch(made.events, seed), stretch(made.dead_letters, seed)
    again = Passed(made.events[part], made.dead_letters[letters])
    twice = replace(
        made,
        events=in_log([*made.events[: part.stop], *again.events, *made.events[part.stop :]]),
        dead_letters=in_log([*made.dead_letters, *again.dead_letters]),
    )
    explained = moved(twice, cursor_moves=[CursorMove(9, 4, again=again, decision=WHY)])
    assert violations(twice), "nobody said why"
    assert violations(explained) == []
    counts = f"{len(again.events)} events and {len(again.dead_letters)} dead letters"
    text = f"published cursor, 9 to 4: {counts} were published again, for an operator ({SAID})"
    assert by_hand(explained) == [("again", text)]
    thrice = replace(explained, events=in_log([*explained.events, *again.events]))
    assert violations(thrice), "twice was decided, not three times"


def test_a_move_that_turned_out_to_change_nothing_is_not_told() -> None:
    """What it skipped had been published, and what was to be published again was published once."""
    made = left(1)
    both = Passed(made.events[3:7], made.dead_letters[:2])
    moves = [CursorMove(None, 7, skipped=both, again=both, decision=WHY)]
    assert violations(moved(made, cursor_moves=moves)) == []
    assert by_hand(moved(made, cursor_moves=moves)) == []


def test_where_nobody_looked_at_the_database_nothing_was_moved() -> None:
    assert by_hand(replace(left(1), cut=None)) == []


def test_skipped_and_then_brought_back_is_published_once_after_all() -> None:
    made = left(2)
    passed = Passed(made.events[5:9])
    moves = [CursorMove(4, 9, skipped=passed, decision=WHY), CursorMove(9, 4, again=passed, decision=WHY)]
    assert violations(moved(made, cursor_moves=moves)) == []
    assert by_hand(moved(made, cursor_moves=moves)) == []


def chairs() -> Evidence:
    """CHAIR: 1 b, 2 o, 3 o off, 4 p, 5 p off, 6 q."""
    orders = [body for name in "op" for body in (order(name, ("CHAIR", 1)), cancelled(name))]
    return clean(of_bodies(batch("b", "CHAIR", 9), *orders, order("q", ("CHAIR", 1))))


def test_what_one_move_skipped_keeps_its_place_while_the_next_one_is_looked_at() -> None:
    """It stands where the event after it does: two of one place, in their order."""
    made = chairs()
    rest = [event for n, event in enumerate(made.events) if n not in {2, 4}]
    moves = [CursorMove(n, n + 1, Passed([made.events[n]]), decision=WHY) for n in (2, 4)]
    assert violations(moved(replace(made, events=rest), cursor_moves=moves)) == []
    twice = in_log([*rest, made.events[0]])
    again = [moves[0], moves[1], CursorMove(1, 0, again=Passed(made.events[:1]), decision=WHY)]
    explained = moved(replace(made, events=twice), cursor_moves=again)
    assert violations(explained) == []
    assert [kind for kind, _ in by_hand(explained)] == ["skipped", "skipped", "again"]


def test_a_cursor_that_was_put_where_there_was_none_is_named_so() -> None:
    made = chairs()
    explained = moved(
        replace(made, events=made.events[1:]),
        cursor_moves=[CursorMove(None, 7, Passed(made.events[:1]), decision=WHY)],
    )
    text = f"published cursor, none to 7: 1 events and 0 dead letters were skipped by an operator ({SAID})"
    assert by_hand(explained) == [("skipped", text)]


@pytest.mark.parametrize("taken", range(1, 10))
@pytest.mark.parametrize("seed", SEEDS)
def test_what_retention_took_of_a_stretch_that_was_moved_over_is_no_violation(seed: int, taken: int) -> None:
    made = left(seed)
    part = stretch(made.events, seed)
    passed = Passed(made.events[part])
    skipped = in_log([*made.events[: part.start], *made.events[part.stop :]])
    again = in_log([*made.events[: part.stop], *passed.events, *made.events[part.stop :]])
    for events, move in (
        (skipped, CursorMove(4, 9, skipped=passed, decision=WHY)),
        (again, CursorMove(9, 4, again=passed, decision=WHY)),
    ):
        starts = {n: max((r.offset for r in events if r.partition == n), default=0) * taken // 10 for n in range(3)}
        kept = [record for record in events if record.offset >= starts[record.partition]]
        log = Log(starts, made.event_log.ends, 3)
        assert violations(moved(replace(made, events=kept, event_log=log), cursor_moves=[move])) == []


def test_rejected_lines_belong_to_no_version_and_are_found_too() -> None:
    messages = of_bodies(order("o", ("LAMP", 1), ("LAMP", 2), ("LAMP", 3)), batch("b", "LAMP", 9))
    made = clean(messages)
    for gone in range(3):
        skipped = Passed([made.events[gone]])
        rest = [*made.events[:gone], *made.events[gone + 1 :]]
        explained = moved(replace(made, events=rest), cursor_moves=[CursorMove(4, 9, skipped, decision=WHY)])
        assert violations(explained) == []
        assert len(by_hand(explained)) == 1


def test_messages_that_a_position_was_moved_past_are_named() -> None:
    """An order that is skipped is unknown to its cancellation."""
    bodies = [batch("b", "CHAIR", 9), order("o", ("CHAIR", 1)), cancelled("o")]
    messages = [message._replace(partition=0, offset=n) for n, message in enumerate(of_bodies(*bodies))]
    made = clean([messages[0], messages[2]])
    skipped = moved(replace(made, messages=messages), moves=[Move(0, 1, 2, WHY)])
    assert violations(skipped) == []
    assert by_hand(skipped) == [("skipped", f"raw-push/0@1 to 1: 1 messages were skipped by an operator ({SAID})")]


def test_messages_that_were_applied_again_are_named() -> None:
    bodies = [batch("b", "CHAIR", 9), quantity("b", 4), quantity("b", 6)]
    messages = of_bodies(*bodies)
    first, last = messages[1].offset, messages[-1].offset
    home = messages[0].partition
    again = moved(clean([*messages, *messages[1:]]), moves=[Move(home, last + 1, first, WHY)])
    again = replace(again, messages=messages)
    assert violations(again) == []
    text = f"raw-push/{home}@{first} to {last}: 2 messages were applied again, for an operator ({SAID})"
    assert by_hand(again) == [("again", text)]


def test_offsets_that_retention_took_before_an_operator_went_on_behind_them_are_named() -> None:
    messages = [
        m._replace(partition=0, offset=n) for n, m in enumerate(of_bodies(batch("b", "C", 1), batch("c", "C", 2)))
    ]
    made = clean([messages[0], messages[1]._replace(offset=7)])
    kept = [messages[1]._replace(offset=7)]
    log = replace(made, messages=kept, message_log=Log({0: 5}, {0: 8}, 3))
    skipped = moved(log, moves=[Move(0, 1, 5, WHY)])
    assert violations(skipped) == []
    text = f"raw-push/0@1 to 4: 0 messages, and 4 offsets that retention took were skipped by an operator ({SAID})"
    assert by_hand(skipped) == [("skipped", text)]


def test_a_topic_made_anew_says_nothing_of_the_offsets_before() -> None:
    made = replace(left(3), message_log=Log({0: 4}, partitions=3))
    skipped = [Move(0, 1, 4, WHY)]
    assert by_hand(moved(made, moves=skipped)) != []
    assert by_hand(moved(made, moves=skipped, reborn=True)) == []


def test_a_rejected_line_that_retention_took_is_not_missed_once_its_sku_is_known() -> None:
    """It stood before the SKU's first event; the order's other line tells that the order was applied."""
    lamps = batch("b", "LAMP", 9), batch("c", "LAMP", 9)
    bodies = of_bodies(batch("a", "CHAIR", 9), order("o", ("LAMP", 1), ("CHAIR", 1)), *lamps)
    places = (0, 0), (0, 1), (1, 0), (1, 1)
    made = clean([m._replace(partition=p, offset=o) for m, (p, o) in zip(bodies, places, strict=True)])
    (rejected,) = (n for n, event in enumerate(made.events) if b"line.rejected" in (event.value or b""))
    gone = made.events[rejected]
    starts = {gone.partition: gone.offset + 1}
    kept = [event for event in made.events if event.offset >= starts.get(event.partition, 0)]
    taken = replace(made, events=kept, event_log=Log(starts, made.event_log.ends, 3))
    assert violations(taken) == []
    assert violations(replace(taken, event_log=made.event_log)), "nothing took it"
