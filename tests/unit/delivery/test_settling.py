"""What is tried next with a batch: again, in halves, as a dead letter, or not at all."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from python_app_template.core.delivery.faults import CommitInDoubt, MessageError, SlowError, TransientError
from python_app_template.core.delivery.messages import Batch, DeadLetter, Partition, Refused, Span
from python_app_template.core.delivery.outcomes import Applied, InDoubt, Outcome, Unmoved
from python_app_template.core.delivery.positions import Position
from python_app_template.core.delivery.settling import FAILED, Settling
from tests.builders import P, Q, batch, message, offsets, position

AWAY = TransientError("away")
SLOW = SlowError("timeout")
BAD = MessageError("out of range")
LOST_ANSWER = CommitInDoubt("lost")


def settling(whole: Batch[int]) -> Settling[int, str]:
    return Settling(whole)


def outcome(part: Batch[int]) -> Outcome[str]:
    dead = [DeadLetter(m.record, m.content) for m in part.messages if isinstance(m.content, Refused)]
    return Outcome(consumed=list(part.messages), dead_letters=dead)


def current(it: Settling[int, str]) -> Batch[int]:
    """What to try now; there is something."""
    part = it.next()
    assert part is not None
    return part


def apply(it: Settling[int, str]) -> None:
    it.tried(Applied(outcome(current(it))))


def doubt(it: Settling[int, str]) -> None:
    it.tried(InDoubt(outcome(current(it)), LOST_ANSWER))


def consumed(it: Settling[int, str]) -> list[int]:
    return offsets(it.outcome.consumed)


def is_probe(part: Batch[int]) -> bool:
    return not part.messages and all(s.start == s.end for s in part.spans)


def test_an_applied_batch_is_done_and_counted() -> None:
    it = settling(batch(1, 2))
    apply(it)
    assert it.next() is None
    assert (consumed(it), it.lost) == ([1, 2], set())


def test_a_passing_fault_is_met_with_the_same_batch_for_ever() -> None:
    it = settling(batch(1, 2))
    for _ in range(100):
        it.delayed(AWAY)
        assert it.next() == batch(1, 2)


def test_a_refused_batch_is_cut_and_its_first_half_comes_first() -> None:
    it = settling(batch(1, 2, 3, 4))
    it.refused(BAD)
    assert it.next() == batch(1, 2)
    apply(it)
    assert it.next() == batch(3, 4)


def test_one_message_is_refused_twice_before_it_is_a_dead_letter() -> None:
    it = settling(batch(1))
    it.refused(BAD)
    assert it.next() == batch(1)
    it.refused(BAD)
    assert it.next() == batch(1).refused(Refused(FAILED, "out of range"))
    apply(it)
    assert it.next() is None
    assert [letter.why.reason for letter in it.outcome.dead_letters] == [FAILED]


@pytest.mark.parametrize("count", range(1, 18))
def test_the_neighbours_of_a_bad_message_go_through_in_order(count: int) -> None:
    for bad in range(count):
        it, tries = settling(batch(*range(count))), 0
        while (part := it.next()) is not None:
            tries += 1
            if any(m.content == bad for m in part.messages):
                it.refused(BAD)
            else:
                it.tried(Applied(outcome(part)))
        assert consumed(it) == list(range(count))
        assert [letter.record.offset for letter in it.outcome.dead_letters] == [bad]
        assert tries <= 3 + 2 * count.bit_length()


def test_a_dead_letter_that_is_refused_itself_is_no_messages_doing() -> None:
    it = settling(batch(1))
    for _ in range(3):
        it.refused(BAD)
    with pytest.raises(MessageError, match="out of range"):
        it.refused(BAD)


def test_a_message_that_came_as_a_dead_letter_is_not_condemned_again() -> None:
    it = settling(batch(1).refused(Refused("undecodable", "no")))
    it.refused(BAD)
    with pytest.raises(MessageError):
        it.refused(BAD)


def test_rows_that_move_without_a_message_can_not_be_blamed_on_one() -> None:
    it = settling(Batch((), [Span(P, 1, 3, 5)]))
    it.refused(BAD)
    with pytest.raises(MessageError):
        it.refused(BAD)


def test_timeouts_of_rows_that_move_without_a_message_are_met_with_patience() -> None:
    it = settling(Batch((), [Span(P, 1, 3, 5)]))
    for _ in range(10):
        it.delayed(SLOW)
        assert it.next() == Batch((), [Span(P, 1, 3, 5)])


def test_timeouts_of_a_dead_letter_are_met_with_patience() -> None:
    it = settling(batch(1).refused(Refused("undecodable", "no")))
    for _ in range(10):
        it.delayed(SLOW)
        assert offsets(current(it).messages) == [1]


def test_a_batch_is_cut_after_three_timeouts() -> None:
    it = settling(batch(1, 2))
    it.delayed(SLOW)
    it.delayed(AWAY)
    it.delayed(SLOW)
    assert it.next() == batch(1, 2)
    it.delayed(SLOW)
    assert it.next() == batch(1)


def test_one_message_is_condemned_for_timeouts_only_with_a_commit_between_each() -> None:
    it = settling(batch(1))
    for _ in range(2):
        it.delayed(SLOW)
        assert is_probe(current(it))
        apply(it)
        assert it.next() == batch(1)
    it.delayed(SLOW)
    assert current(it).messages[0].content == Refused(FAILED, "3 times: timeout")


def test_while_the_probe_fails_too_no_message_is_blamed() -> None:
    it = settling(batch(1))
    for fault in [SLOW, SLOW, AWAY, SLOW, SLOW, SLOW]:
        it.delayed(fault)
        assert is_probe(current(it))
    apply(it)
    assert it.next() == batch(1)


def test_a_refused_probe_is_not_blamed_on_the_message() -> None:
    it = settling(batch(1))
    it.delayed(SLOW)
    it.refused(BAD)
    assert is_probe(current(it))
    apply(it)
    assert it.next() == batch(1)
    it.refused(BAD)
    assert it.next() == batch(1), "this was the first refusal of the message"


def test_a_probe_that_is_refused_again_and_again_is_no_messages_doing() -> None:
    it = settling(batch(1))
    it.delayed(SLOW)
    it.refused(BAD)
    with pytest.raises(MessageError):
        it.refused(BAD)


def test_a_commit_in_doubt_that_took_effect_counts_though_all_its_partitions_are_anothers_since() -> None:
    whole = batch(1, 2)
    it = settling(whole)
    doubt(it)
    (span,) = whole.spans
    it.tried(Unmoved([replace(position(span.end, epoch=span.epoch + 1), claims=1)]))
    assert it.next() is None
    assert (consumed(it), it.lost) == ([1, 2], {P})


def test_a_probe_in_doubt_is_asked_again() -> None:
    it = settling(batch(1))
    it.delayed(SLOW)
    doubt(it)
    assert is_probe(current(it))
    apply(it)
    apply(it)
    assert consumed(it) == [1]


def test_timeouts_are_counted_anew_for_each_half() -> None:
    it = settling(batch(1, 2))
    for _ in range(3):
        it.delayed(SLOW)
    assert it.next() == batch(1)
    it.delayed(SLOW)
    assert is_probe(current(it))


def test_after_a_doubt_a_probe_comes_first() -> None:
    it = settling(batch(1, 2))
    doubt(it)
    assert is_probe(current(it))
    apply(it)
    assert (it.next(), consumed(it)) == (batch(1, 2), [])


def test_a_commit_whose_answer_was_lost_is_counted_when_the_row_proves_it() -> None:
    it = settling(batch(1, 2))
    doubt(it)
    it.tried(Unmoved([position(3)]))
    assert (it.next(), consumed(it), it.lost) == (None, [1, 2], set())


def test_a_doubt_outlasts_timeouts_and_refusals_and_nothing_is_cut_before_it_is_settled() -> None:
    it = settling(batch(1, 2))
    doubt(it)
    for _ in range(5):
        it.delayed(SLOW)
    it.refused(BAD)
    it.tried(Unmoved([position(3)]))
    assert (it.next(), consumed(it), it.lost) == (None, [1, 2], set())


def test_a_doubt_that_came_to_nothing_is_not_counted() -> None:
    it = settling(batch(1))
    doubt(it)
    apply(it)
    doubt(it)
    apply(it)
    apply(it)
    assert (it.next(), consumed(it)) == (None, [1])


def test_a_row_at_the_end_without_a_doubt_is_ours_but_nothing_is_known_of_it() -> None:
    it = settling(batch(1))
    it.tried(Unmoved([position(2)]))
    assert (it.next(), consumed(it), it.lost) == (None, [], set())


def test_a_lost_partition_is_taken_out_and_the_rest_is_decided_again() -> None:
    both = Batch([message(1), message(5, Q), message(2)], [Span(P, 1, 1, 3), Span(Q, 1, 5, 6)])
    it = settling(both)
    it.tried(Unmoved([position(1, epoch=2)]))
    assert it.next() == Batch([message(5, Q)], [Span(Q, 1, 5, 6)])
    apply(it)
    assert (it.next(), consumed(it), it.lost) == (None, [5], {P})


def test_a_lost_partition_is_taken_out_of_every_part_that_waits() -> None:
    it = settling(Batch([message(1), message(2), message(5, Q)], [Span(P, 1, 1, 3), Span(Q, 1, 5, 6)]))
    it.refused(BAD)
    it.tried(Unmoved([position(9, epoch=2)]))
    assert it.next() == Batch([message(5, Q)], [Span(Q, 1, 5, 6)])


def test_a_doubt_is_counted_whole_when_one_row_proves_it_though_another_is_lost_since() -> None:
    it = settling(Batch([message(1), message(5, Q)], [Span(P, 1, 1, 2), Span(Q, 1, 5, 6)]))
    doubt(it)
    it.tried(Unmoved([position(2), position(6, Q, epoch=2)]))
    assert (it.next(), consumed(it), it.lost) == (None, [1, 5], {Q})


def test_a_doubt_about_a_lost_partition_is_not_counted() -> None:
    it = settling(batch(1))
    doubt(it)
    it.tried(Unmoved([position(1, epoch=2)]))
    assert (it.next(), consumed(it), it.lost) == (None, [], {P})


WHOLE = [message(n // 2, P if n % 2 else Q) for n in range(10)]
NUMBERS = {(m.record.partition, m.record.offset): n for n, m in enumerate(WHOLE)}


class Table:
    """Position rows of two partitions, what was ever committed, and messages that can not be or take too long."""

    def __init__(self, bad: set[int], heavy: set[int]) -> None:
        self.bad, self.heavy = bad, heavy
        self.rows = {P: position(0), Q: position(0, Q)}
        self.applied: list[tuple[Partition, int]] = []

    def unmoved(self, part: Batch[int]) -> list[Position]:
        expected = [(s, self.rows[s.partition]) for s in part.spans]
        return [row for s, row in expected if (row.epoch, row.next_offset) != (s.epoch, s.start)]

    def commit(self, part: Batch[int]) -> None:
        for span in part.spans:
            row = self.rows[span.partition]
            self.rows[span.partition] = position(span.end, span.partition, epoch=row.epoch)
        self.applied += [(m.record.partition, m.record.offset) for m in part.messages]

    def attempt(self, it: Settling[int, str], step: str) -> None:
        """Try what comes next, in one of the ways in which the world may answer."""
        part = current(it)
        numbers = {NUMBERS[m.record.partition, m.record.offset] for m in part.messages if isinstance(m.content, int)}
        if step in {"slow", "away"}:
            it.delayed(SLOW if step == "slow" else AWAY)
        elif unmoved := self.unmoved(part):
            it.tried(Unmoved(unmoved))
        elif numbers & self.bad:
            it.refused(BAD)
        elif numbers & self.heavy:
            it.delayed(SLOW)
        else:
            if step != "no commit":
                self.commit(part)
            it.tried(InDoubt(outcome(part), LOST_ANSWER) if step in DOUBTS else Applied(outcome(part)))


DOUBTS = ("no commit", "lost answer")
STEPS = st.lists(st.sampled_from(["ok", "ok", "away", "slow", "steal", *DOUBTS]), max_size=30)
SOME = st.sets(st.integers(0, 9))


@given(SOME, SOME, STEPS)
def test_each_message_is_applied_once_in_order_or_its_partition_is_lost(
    bad: set[int], heavy: set[int], steps: list[str]
) -> None:
    table = Table(bad, heavy)
    stolen = "steal" in steps
    it = settling(Batch(WHOLE, [Span(P, 1, 0, 6), Span(Q, 1, 0, 5)]))
    while it.next() is not None:
        step = steps.pop() if steps else "ok"
        if step == "steal":
            table.rows[P] = position(table.rows[P].next_offset, epoch=2)
        table.attempt(it, step)
    for partition in (P, Q):
        found = [offset for p, offset in table.applied if p == partition]
        assert found == list(range(5 if partition not in it.lost else len(found)))
    counted = [(m.record.partition, m.record.offset) for m in it.outcome.consumed]
    assert len(set(counted)) == len(counted)
    assert set(counted) <= set(table.applied)
    if not stolen:
        assert sorted(counted) == sorted(table.applied)
        condemned = {NUMBERS[letter.record.partition, letter.record.offset] for letter in it.outcome.dead_letters}
        assert bad | heavy <= condemned


def test_a_probe_in_doubt_itself_leaves_open_what_the_commit_before_it_did() -> None:
    it = settling(batch(1, 2))
    doubt(it)
    assert is_probe(current(it))
    doubt(it)
    it.tried(Unmoved([position(3)]))
    assert it.next() is None
    assert (consumed(it), it.lost) == ([1, 2], set())


def test_a_probe_that_is_refused_once_blames_nothing_though_an_earlier_one_went_through() -> None:
    it = settling(batch(1, 2))
    for _ in range(3):
        doubt(it)
        it.refused(BAD)
        assert is_probe(current(it))
        it.tried(Applied(Outcome()))
    assert it.next() == batch(1, 2)
