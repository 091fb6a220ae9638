"""Owning partitions: what is claimed and let go, and when."""

from python_app_template.core.delivery.messages import Batch
from python_app_template.core.delivery.partitions import Partitions
from python_app_template.core.delivery.signals import (
    Claim,
    Identified,
    Quiet,
    Release,
    Revoked,
    Settle,
    Start,
    Unreadable,
)
from tests.builders import GROUP, P, Q, batch, log, position
from tests.unit.delivery.owned import assigned, fetched, running


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
