"""Taking messages: what is taken, dropped and sought, and where the log is believed to end."""

from python_app_template.core.delivery.messages import Batch, Message, Span
from python_app_template.core.delivery.signals import (
    Claim,
    Fetched,
    Quiet,
    Settle,
    Start,
    Unreadable,
)
from tests.builders import P, Q, batch, log, message, messages, position
from tests.unit.delivery.owned import assigned, fetched, running


def test_messages_of_several_partitions_become_one_batch_with_a_span_each() -> None:
    rules = running()
    rules.on(assigned(Q, assignment=2), 0)
    rules.claimed(position(8, Q, epoch=3), log(), 0)
    found: list[Message[int]] = [message(5), message(8, Q), message(6)]
    assert rules.on(Fetched(found), 0) == [Settle(Batch(found, [Span(P, 1, 5, 7), Span(Q, 3, 8, 9)]))]


def test_what_stands_below_the_position_is_dropped() -> None:
    assert running(at=5, fresh=True).on(fetched(3, 4, 5, 6), 0) == [Settle(batch(5, 6))]


def test_a_gap_between_two_messages_in_a_row_is_real() -> None:
    assert running(at=5).on(fetched(5, 9, 20), 0) == [Settle(batch(5, 9, 20))]
    assert running(at=5).on(fetched(9), 0) == [Settle(batch(9, start=5))]


def test_a_gap_right_after_a_start_is_sought_once_and_is_then_real() -> None:
    rules = running(at=5, fresh=True)
    assert rules.on(fetched(8, 9), 0) == [Start(P, 1, 5)]
    assert rules.on(fetched(8, 9), 0) == [Settle(batch(8, 9, start=5))]
    assert rules.on(fetched(12), 0) == [Settle(batch(12, start=10))]


def test_a_false_gap_skips_nothing() -> None:
    rules = running(at=5, fresh=True)
    assert rules.on(fetched(8, 9), 0) == [Start(P, 1, 5)]
    assert rules.on(fetched(5, 6, 8), 0) == [Settle(batch(5, 6, 8))]


def test_a_gap_that_ends_elsewhere_when_it_was_sought_is_sought_again() -> None:
    rules = running(at=5, fresh=True)
    assert rules.on(fetched(100), 0) == [Start(P, 1, 5)]
    assert rules.on(fetched(200), 0) == [Start(P, 1, 5)]
    assert rules.on(fetched(8), 0) == [Start(P, 1, 5)]
    assert rules.on(fetched(8), 0) == [Settle(batch(8, start=5))]


def test_a_gap_after_a_pause_is_sought_too() -> None:
    rules = running(at=5)
    assert rules.on(fetched(8, resumed=True), 0) == [Start(P, 1, 5)]
    assert rules.on(fetched(5, 8), 0) == [Settle(batch(5, 8))]


def test_a_gap_within_what_follows_a_pause_is_real() -> None:
    assert running(at=5).on(fetched(5, 8, resumed=True), 0) == [Settle(batch(5, 8))]


def test_a_doubt_ends_with_its_claim() -> None:
    rules = running(at=5, fresh=True)
    assert rules.on(fetched(8), 0) == [Start(P, 1, 5)]
    rules.lost([P], 0)
    rules.on(Quiet(), 1)
    rules.claimed(position(5, epoch=2), log(), 1)
    assert rules.on(fetched(8), 1) == [Start(P, 1, 5)], "after each start a gap may be false"


def test_a_gap_of_one_partition_does_not_hold_up_another() -> None:
    rules = running(at=5, fresh=True)
    rules.on(assigned(Q, assignment=2), 0)
    rules.claimed(position(0, Q), log(), 0)
    orders = rules.on(Fetched([message(8), message(0, Q), message(9)]), 0)
    assert orders == [Settle(Batch([message(0, Q)], [Span(Q, 1, 0, 1)])), Start(P, 1, 5)]


def test_old_messages_that_go_on_for_a_second_mean_that_the_start_did_not_take() -> None:
    rules = running(at=50, fresh=True)
    assert rules.on(fetched(1, 2), 0.9) == []
    assert rules.on(fetched(3, 4), 1.0) == [Start(P, 1, 50)]
    assert rules.on(fetched(5, 6), 1.9) == []
    assert rules.on(fetched(7, 8), 2.0) == [Start(P, 1, 50)]


def test_a_log_that_begins_again_in_mid_stream_is_sought() -> None:
    assert running(at=50).on(fetched(1, 2), 2) == [Start(P, 1, 50)]


def test_old_messages_before_the_expected_one_are_no_reason_to_start_again() -> None:
    assert running(at=5, fresh=True).on(fetched(3, 4, 5), 2) == [Settle(batch(5))]


# Ends


def test_the_row_moves_to_the_logs_end_with_the_batch_that_reached_it() -> None:
    assert running(at=5).on(fetched(5, 6, end=9), 0) == [Settle(batch(5, 6, end=9))]


def test_an_end_that_comes_alone_is_moved_to_when_it_is_quiet() -> None:
    rules = running(at=5)
    assert rules.on(fetched(end=9), 0) == []
    assert rules.on(Quiet(), 0) == [Settle(Batch([], [Span(P, 1, 5, 9)]))]
    assert rules.on(Quiet(), 0) == []
    assert rules.on(fetched(9), 0) == [Settle(batch(9))]


def test_an_end_that_comes_alone_is_moved_to_with_the_next_batch() -> None:
    rules = running(at=5)
    rules.on(assigned(Q, assignment=2), 0)
    rules.claimed(position(0, Q), log(), 0)
    assert rules.on(fetched(end=9), 0) == []
    both = [Span(Q, 1, 0, 1), Span(P, 1, 5, 9)]
    assert rules.on(Fetched(messages(0, partition=Q)), 0) == [Settle(Batch(messages(0, partition=Q), both))]


def test_a_message_behind_an_end_covers_it() -> None:
    rules = running(at=5)
    assert rules.on(fetched(end=9), 0) == []
    assert rules.on(fetched(10), 0) == [Settle(batch(10, start=5))]
    assert rules.on(Quiet(), 0) == []


def test_an_end_right_after_a_start_is_sought_before_it_is_believed() -> None:
    rules = running(at=5, fresh=True)
    assert rules.on(fetched(end=9), 0) == [Start(P, 1, 5)]
    assert rules.on(fetched(end=9), 0) == []
    assert rules.on(Quiet(), 0) == [Settle(Batch([], [Span(P, 1, 5, 9)]))]


def test_a_false_end_skips_nothing() -> None:
    rules = running(at=5, fresh=True)
    assert rules.on(fetched(end=9), 0) == [Start(P, 1, 5)]
    assert rules.on(fetched(5, 6, end=9), 0) == [Settle(batch(5, 6, end=9))]


def test_an_end_that_has_grown_when_it_was_sought_is_real() -> None:
    rules = running(at=5, fresh=True)
    assert rules.on(fetched(end=9), 0) == [Start(P, 1, 5)]
    assert rules.on(fetched(end=11), 0) == []
    assert rules.on(Quiet(), 0) == [Settle(Batch([], [Span(P, 1, 5, 11)]))]


def test_an_end_where_a_message_was_seen_before_is_not_believed() -> None:
    rules = running(at=5, fresh=True)
    assert rules.on(fetched(8), 0) == [Start(P, 1, 5)]
    assert rules.on(fetched(end=20), 0) == [Start(P, 1, 5)]
    assert rules.on(fetched(8, end=20), 0) == [Start(P, 1, 5)]
    assert rules.on(fetched(8, end=20), 0) == [Settle(batch(8, start=5, end=20))]


def test_a_message_right_where_the_log_ended_confirms_the_gap() -> None:
    rules = running(at=5, fresh=True)
    assert rules.on(fetched(end=9), 0) == [Start(P, 1, 5)]
    assert rules.on(fetched(9), 0) == [Settle(batch(9, start=5))]


def test_an_end_that_has_shrunk_when_it_was_sought_is_sought_again() -> None:
    rules = running(at=5, fresh=True)
    assert rules.on(fetched(end=9), 0) == [Start(P, 1, 5)]
    assert rules.on(fetched(end=7), 0) == [Start(P, 1, 5)]


def test_an_end_behind_a_doubtful_gap_is_not_believed() -> None:
    assert running(at=5, fresh=True).on(fetched(8, end=9), 0) == [Start(P, 1, 5)]


def test_an_end_at_or_below_the_position_says_nothing() -> None:
    rules = running(at=5, fresh=True)
    assert rules.on(fetched(end=5), 0) == []
    assert rules.on(fetched(end=3), 0) == []
    assert rules.on(Quiet(), 0) == []


def test_an_end_that_was_not_yet_moved_to_is_forgotten_with_the_claim() -> None:
    rules = running(at=5)
    rules.on(fetched(end=9), 0)
    rules.lost([P], 0)
    assert rules.on(Quiet(), 1) == [Claim(P, 1)]
    rules.claimed(position(5, epoch=2), log(), 1)
    assert rules.on(Quiet(), 1) == []


# Suspects


def test_up_to_the_suspect_end_messages_go_one_by_one_and_before_the_rest() -> None:
    rules = running(at=4, fresh=True, suspect_end=7)
    alone = [Settle(batch(n), suspect=True) for n in (4, 5, 6)]
    assert rules.on(fetched(4, 5, 6, 7, 8), 0) == [*alone, Settle(batch(7, 8))]


def test_a_gap_before_a_suspect_belongs_to_its_span() -> None:
    rules = running(at=5, suspect_end=10)
    assert rules.on(fetched(8, 9, 11, end=14), 0) == [
        Settle(batch(8, start=5), suspect=True),
        Settle(batch(9), suspect=True),
        Settle(batch(11, start=10, end=14)),
    ]


def test_the_first_message_behind_a_gap_that_reaches_over_the_suspect_end_is_suspect() -> None:
    rules = running(at=5, suspect_end=10)
    assert rules.on(fetched(50, 51), 0) == [Settle(batch(50, start=5), suspect=True), Settle(batch(51))]


# Second looks


def test_old_messages_after_a_gap_was_sought_make_another_start_a_second_later() -> None:
    rules = running(5, fresh=True)
    assert rules.on(fetched(7), 1) == [Start(P, 1, 5)]
    assert rules.on(fetched(3), 1.9) == []
    assert rules.on(fetched(3), 2) == [Start(P, 1, 5)]


def test_old_messages_after_an_unreadable_offset_make_another_start_a_second_later() -> None:
    rules = running(5)
    assert rules.on(Unreadable(P, log()), 1) == [Start(P, 1, 5)]
    assert rules.on(fetched(3), 1.9) == []
    assert rules.on(fetched(3), 2) == [Start(P, 1, 5)]


def test_an_end_just_where_it_stands_says_nothing_about_a_gap_that_follows() -> None:
    rules = running(5, fresh=True)
    assert rules.on(Fetched([], {P: 5}), 0) == []
    assert rules.on(fetched(7), 0) == [Start(P, 1, 5)]
