"""Owning partitions: what is claimed, taken, dropped, sought, halted and let go, and when."""

from dataclasses import replace

import pytest

from python_app_template.core.delivery.faults import Halted
from python_app_template.core.delivery.lane import State
from python_app_template.core.delivery.messages import Batch, Message, Partition, Span
from python_app_template.core.delivery.partitions import Partitions
from python_app_template.core.delivery.positions import Position
from python_app_template.core.delivery.signals import (
    Assigned,
    Claim,
    Fetched,
    Identified,
    Look,
    Order,
    Quiet,
    Release,
    Revoked,
    Settle,
    Start,
    Stop,
    Unreadable,
)
from tests.builders import GROUP, TOPIC_ID, P, Q, batch, log, message, messages, position


def assigned(*partitions: Partition, assignment: int = 1) -> Assigned:
    return Assigned(frozenset(partitions or [P]), assignment)


def running(at: int = 5, *, fresh: bool = False, suspect_end: int | None = None) -> Partitions[int]:
    """P is ours under epoch 1 and stands at `at`; unless `fresh`, one message was taken since the start."""
    rules = Partitions[int](GROUP)
    rules.on(assigned(), 0)
    start = at if fresh else at - 1
    assert rules.claimed(replace(position(start), suspect_end=suspect_end), log(), 0) == [Start(P, 1, start)]
    if not fresh:
        rules.on(Fetched(messages(start)), 0)
    return rules


def fetched(*offsets: int, end: int | None = None, resumed: bool = False) -> Fetched[int]:
    ends = {} if end is None else {P: end}
    return Fetched(messages(*offsets), ends, frozenset({P}) if resumed else frozenset())


def halted(orders: list[Order[int]]) -> Halted:
    match orders:
        case [Stop(why=why)]:
            return why
    raise AssertionError(orders)


# Claims


def test_what_is_assigned_is_claimed_at_once_in_order() -> None:
    assert Partitions[int](GROUP).on(assigned(Q, P), 0) == [Claim(P, 1), Claim(Q, 1)]


def test_a_claim_is_ordered_once() -> None:
    rules = Partitions[int](GROUP)
    rules.on(assigned(), 0)
    assert rules.on(Quiet(), 100) == []


def test_a_claimed_partition_is_read_from_where_its_row_stands() -> None:
    rules = Partitions[int](GROUP)
    rules.on(assigned(assignment=4), 0)
    assert rules.claimed(position(17, epoch=9), log(), 0) == [Start(P, 4, 17)]
    assert rules.on(fetched(17), 0) == [Settle(batch(17, epoch=9))]


def test_a_claim_that_fails_is_made_again_later_each_time() -> None:
    rules = Partitions[int](GROUP, backoff=0.1, longest=1.0)
    rules.on(assigned(), 0)
    now = 0.0
    for wait in [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]:
        rules.lost([P], now)
        assert rules.on(Quiet(), now + wait - 0.01) == []
        now += wait + 0.001
        assert rules.on(Quiet(), now) == [Claim(P, 1)]


def test_an_outage_of_a_day_is_no_reason_to_give_up() -> None:
    rules = Partitions[int](GROUP)
    rules.on(assigned(), 0)
    for _ in range(30_000):
        rules.lost([P], 0)
    assert rules.on(Quiet(), 3) == [Claim(P, 1)]


def test_partitions_quarrelled_over_are_claimed_later_each_time_until_something_is_committed() -> None:
    rules = running()
    rules.lost([P], 0)
    assert rules.on(Quiet(), 0.1) == [Claim(P, 1)]
    rules.claimed(position(5, epoch=2), log(), 0.1)
    rules.lost([P], 1)
    assert rules.on(Quiet(), 1.1) == []
    assert rules.on(Quiet(), 1.2) == [Claim(P, 1)]
    rules.claimed(position(5, epoch=4), log(), 1.2)
    rules.kept([P, Q], 1.2)
    rules.lost([P], 2)
    assert rules.on(Quiet(), 2.1) == [Claim(P, 1)]


def test_messages_of_a_lost_partition_are_dropped_until_it_is_claimed_again() -> None:
    rules = running()
    rules.lost([P, Q], 0)
    assert rules.on(fetched(5, 6, end=7), 0) == []
    assert rules.on(Quiet(), 1) == [Claim(P, 1)]
    assert rules.claimed(position(6, epoch=3), log(), 1) == [Start(P, 1, 6)]


def test_what_was_ordered_before_a_partition_was_lost_is_not_ours_any_more() -> None:
    rules = running(suspect_end=20)
    orders = rules.on(fetched(5, 6, 7), 0)
    batches = [order.batch for order in orders if isinstance(order, Settle)]
    assert [rules.still_ours(b) for b in batches] == batches
    rules.lost([P], 0)
    assert [rules.still_ours(b) for b in batches] == 3 * [Batch([], [])]
    rules.on(Quiet(), 1)
    rules.claimed(position(5, epoch=2), log(), 1)
    assert [rules.still_ours(b) for b in batches] == 3 * [Batch([], [])]


def test_an_answer_for_a_partition_that_is_gone_is_dropped() -> None:
    rules = Partitions[int](GROUP)
    assert rules.claimed(position(5), log(), 0) == []
    assert rules.looked(P, position(5), 0) == []
    rules.unseen(P, 0)
    rules.lost([P], 0)
    assert rules.on(Unreadable(P, log()), 0) == []
    assert rules.on(fetched(5, end=7, resumed=True), 0) == []
    assert rules.on(Revoked(frozenset({P})), 0) == []
    assert rules.standing() == {}


def test_a_new_assignment_begins_with_a_claim_and_carries_its_own_number() -> None:
    rules = running()
    rules.on(Revoked(frozenset({P})), 0)
    assert rules.on(assigned(assignment=2), 0) == [Claim(P, 2)]
    assert rules.on(fetched(5, 6), 0) == []
    assert rules.claimed(position(5, epoch=2), log(), 0) == [Start(P, 2, 5)]


def test_an_assignment_that_replaces_one_knows_nothing_of_it() -> None:
    rules = running()
    assert rules.on(assigned(assignment=2), 0) == [Claim(P, 2)]
    assert rules.on(fetched(5), 0) == []


# Messages


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


# Halts


def test_a_row_of_another_group_is_never_ours() -> None:
    rules = Partitions[int](GROUP)
    rules.on(assigned(), 0)
    why = halted(rules.claimed(position(5, group="another"), log(), 0))
    assert (why.part, why.reason) == ("partition-0", "other_group")
    assert rules.standing() == {P: State.HALTED}
    assert rules.on(fetched(5, end=7), 0) == []


def test_a_row_of_another_topic_of_that_name_halts() -> None:
    rules = Partitions[int](GROUP)
    rules.on(assigned(), 0)
    assert halted(rules.claimed(position(5), log(topic_id="new"), 0)).reason == "topic_recreated"


def test_a_topic_made_anew_halts_its_running_partitions_alone() -> None:
    other = Partition("other", 0)
    rules = running()
    rules.on(assigned(Q, assignment=2), 0)
    rules.on(assigned(other, assignment=3), 0)
    rules.claimed(position(5, other), log(), 0)
    assert rules.on(Identified(P.topic, TOPIC_ID), 0) == []
    assert halted(rules.on(Identified(P.topic, "new"), 0)).reason == "topic_recreated"
    assert rules.standing() == {P: State.HALTED, Q: State.CLAIMING, other: State.RUNNING}
    assert rules.on(Identified(P.topic, "new"), 0) == []


def test_a_topic_that_is_gone_halts_and_one_that_is_back_is_claimed_again() -> None:
    """The very same, as after a broker's start, goes on by itself; another one of that name halts again."""
    rules = running(at=5)
    assert halted(rules.on(Identified(P.topic, None), 0)).reason == "topic_deleted"
    assert rules.on(Identified(P.topic, None), 1) == []
    assert rules.on(Identified(P.topic, TOPIC_ID), 2) == [Claim(P, 1)]
    assert rules.claimed(position(5, epoch=2), log(), 2) == [Start(P, 1, 5)]
    rules.on(Identified(P.topic, None), 3)
    assert rules.on(Identified(P.topic, "new"), 4) == [Claim(P, 1)]
    assert halted(rules.claimed(position(5, epoch=3), log(topic_id="new"), 4)).reason == "topic_recreated"
    assert rules.on(Identified(P.topic, "new"), 5) == []


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (log(start=6), "log_truncated"),
        (log(end=4), "offset_out_of_range"),
        (log(topic_id="new", start=6), "topic_recreated"),
    ],
)
def test_an_offset_that_the_log_does_not_have_halts(found: object, reason: str) -> None:
    assert isinstance(found, type(log()))
    assert halted(running(at=5).on(Unreadable(P, found), 0)).reason == reason


@pytest.mark.parametrize("found", [log(end=5), log(start=5), log()])
def test_an_offset_that_the_log_has_after_all_is_read_again(found: object) -> None:
    assert isinstance(found, type(log()))
    assert running(at=5).on(Unreadable(P, found), 0) == [Start(P, 1, 5)]


def test_what_was_read_to_its_end_may_be_gone_from_the_log() -> None:
    rules = running(at=5)
    rules.on(fetched(end=9), 0)
    assert rules.on(Unreadable(P, log(start=9)), 0) == [Settle(Batch([], [Span(P, 1, 5, 9)])), Start(P, 1, 9)]


def test_a_halted_partition_looks_at_its_row_every_few_seconds() -> None:
    rules = running(at=5)
    rules.on(Identified(P.topic, "new"), 10)
    assert rules.on(Quiet(), 12.9) == []
    assert rules.on(Quiet(), 13) == [Look(P)]
    assert rules.on(Quiet(), 30) == []
    assert rules.looked(P, position(5), 30) == []
    assert rules.on(Quiet(), 32.9) == []
    assert rules.on(Quiet(), 33) == [Look(P)]
    rules.unseen(P, 40)
    assert rules.on(Quiet(), 42.9) == []
    assert rules.on(Quiet(), 43) == [Look(P)]


def test_a_halted_partition_is_claimed_again_once_somebody_has_moved_its_row() -> None:
    rules = running(at=5)
    rules.on(Identified(P.topic, "new"), 0)
    assert rules.looked(P, position(100, epoch=2), 3) == [Claim(P, 1)]
    assert rules.claimed(position(100, epoch=3), log(), 3) == [Start(P, 1, 100)]
    assert rules.standing() == {P: State.RUNNING}


def test_a_halted_partition_is_claimed_again_once_its_row_is_gone() -> None:
    rules = running(at=5)
    rules.on(Identified(P.topic, "new"), 0)
    assert rules.looked(P, None, 3) == [Claim(P, 1)]


def test_a_halted_row_of_another_group_is_looked_at_until_it_was_handed_over() -> None:
    rules = Partitions[int](GROUP)
    rules.on(assigned(), 0)
    rules.claimed(position(5, group="another", epoch=7), log(), 0)
    assert rules.looked(P, position(5, group="another", epoch=7), 3) == []
    assert rules.looked(P, position(5, epoch=8), 6) == [Claim(P, 1)]


# Idle


def test_a_partition_that_commits_nothing_is_looked_at_every_few_seconds() -> None:
    rules = running()
    assert rules.on(Quiet(), 2.9) == []
    assert rules.on(Quiet(), 3) == [Look(P)]
    assert rules.on(Quiet(), 100) == [], "it is being looked at"
    assert rules.looked(P, position(5), 100) == []
    assert rules.on(Quiet(), 102.9) == []
    assert rules.on(fetched(), 103) == [Look(P)], "while others have messages, too"
    rules.unseen(P, 103)
    assert rules.on(Quiet(), 105.9) == []
    assert rules.on(Quiet(), 106) == [Look(P)]


def test_a_partition_that_commits_is_not_looked_at() -> None:
    rules = running()
    for now in (2.5, 5.0, 7.5):
        rules.kept([P], now)
        assert rules.on(Quiet(), now + 2.4) == []
    assert rules.on(Quiet(), 10.5) == [Look(P)]


@pytest.mark.parametrize("row", [position(9, epoch=2), position(4, epoch=2), None])
def test_an_idle_partition_whose_row_somebody_moved_is_claimed_again_if_it_still_is_ours_then(
    row: Position | None,
) -> None:
    rules = running()
    assert rules.on(Quiet(), 3) == [Look(P)]
    assert rules.looked(P, row, 3) == []
    assert rules.on(fetched(5, end=6), 3.9) == [], "nothing is taken meanwhile"
    assert rules.on(Quiet(), 4) == [Claim(P, 1)]
    rules.claimed(position(9, epoch=3), log(), 4)
    assert rules.on(fetched(9), 4) == [Settle(batch(9, epoch=3))]


def test_an_idle_partition_that_was_given_away_is_not_claimed_again() -> None:
    rules = running()
    rules.on(Quiet(), 3)
    rules.looked(P, position(9, epoch=2), 3)
    assert rules.on(Revoked(frozenset({P})), 3.5) == [Release(P, None)]
    assert rules.on(Quiet(), 10) == []


def test_what_was_seen_of_a_row_says_nothing_of_a_partition_that_is_being_claimed() -> None:
    rules = running()
    rules.lost([P], 0)
    assert rules.looked(P, position(9, epoch=9), 0) == []
    rules.unseen(P, 0)
    assert rules.on(Quiet(), 0.1) == [Claim(P, 1)]


# Letting go


def test_what_is_revoked_is_released_under_its_epoch() -> None:
    rules = running()
    assert rules.on(Revoked(frozenset({P, Q})), 0) == [Release(P, 1)]
    assert rules.on(fetched(5), 0) == []


def test_a_halted_partition_of_ours_is_released_too() -> None:
    rules = running()
    rules.on(Identified(P.topic, "new"), 0)
    assert rules.on(Revoked(frozenset({P})), 0) == [Release(P, 1)]


def test_a_row_of_another_group_is_not_released() -> None:
    rules = Partitions[int](GROUP)
    rules.on(assigned(), 0)
    rules.claimed(position(5, group="another"), log(), 0)
    assert rules.drained() == [Release(P, None)]


def test_what_is_lost_or_not_yet_claimed_is_not_released() -> None:
    rules = running()
    rules.on(assigned(Q, assignment=2), 0)
    rules.lost([P], 0)
    assert rules.drained() == [Release(P, None), Release(Q, None)]


def test_a_row_that_somebody_moved_while_it_was_halted_is_not_released() -> None:
    rules = running()
    rules.on(Identified(P.topic, "new"), 0)
    rules.looked(P, position(9, epoch=2), 3)
    assert rules.drained() == [Release(P, None)]


def test_draining_lets_go_of_everything() -> None:
    rules = running()
    assert rules.drained() == [Release(P, 1)]
    assert rules.drained() == []


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


def test_a_partition_that_somebody_set_is_claimed_without_the_waits_of_before() -> None:
    rules = Partitions[int](GROUP, backoff=0.1)
    rules.on(assigned(), 0)
    rules.claimed(position(5, group="another"), log(), 0)
    assert rules.looked(P, position(5, epoch=2), 1) == [Claim(P, 1)]
    rules.lost([P], 1)
    assert rules.on(Quiet(), 1.101) == [Claim(P, 1)]


def test_a_topic_that_came_back_is_claimed_once_for_it() -> None:
    rules = running(5)
    rules.on(Identified(P.topic, None), 0)
    assert rules.on(Identified(P.topic, TOPIC_ID), 1) == [Claim(P, 1)]
    assert rules.on(Identified(P.topic, TOPIC_ID), 1) == []
