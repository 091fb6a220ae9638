"""Partitions that halt, or have nothing to do: when they are looked at, and claimed again."""

import pytest

from python_app_template.core.delivery.lane import State
from python_app_template.core.delivery.messages import Batch, Partition, Span
from python_app_template.core.delivery.partitions import Partitions
from python_app_template.core.delivery.positions import Position
from python_app_template.core.delivery.signals import (
    Claim,
    Identified,
    Look,
    Quiet,
    Release,
    Revoked,
    Settle,
    Start,
    Unreadable,
)
from tests.builders import GROUP, TOPIC_ID, P, Q, batch, log, position
from tests.unit.delivery.owned import assigned, fetched, halted, running


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
