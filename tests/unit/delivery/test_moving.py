"""What may be moved where: each refusal says what is the matter."""

from dataclasses import replace

import pytest

from python_app_template.core.delivery.moving import CannotMove, Shelf, Wish, check_number, moving, plan, why_halted
from tests.builders import GROUP, TOPIC_ID, P, Q, log, position

ROW = position(50)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (position(10), ""),
        (position(100), ""),
        (position(9), "log_truncated"),
        (position(101), "offset_out_of_range"),
        (position(50, group="another"), "other_group"),
        (replace(ROW, topic_id="old"), "topic_recreated"),
    ],
)
def test_a_row_is_judged_as_its_worker_would(row: object, reason: str) -> None:
    assert why_halted(row, log(100, start=10), GROUP) == reason  # type: ignore[arg-type]


@pytest.mark.parametrize("offset", [10, 100])
def test_any_offset_of_the_log_will_do_its_end_too(offset: int) -> None:
    move = plan(P, ROW, log(100, start=10), Wish(offset), GROUP)
    assert move is not None
    assert (move.before, move.group, move.topic_id, move.next_offset) == (ROW, GROUP, TOPIC_ID, offset)


@pytest.mark.parametrize("offset", [9, 101])
@pytest.mark.parametrize("row", [ROW, None])
def test_an_offset_outside_the_log_is_refused(offset: int, row: None) -> None:
    with pytest.raises(CannotMove, match=f"offset {offset} is outside the log; allowed: 10 to 100"):
        plan(P, row, log(100, start=10), Wish(offset), GROUP)


@pytest.mark.parametrize("wish", [Wish(50), Wish(group=GROUP), Wish(50, GROUP, accept_topic=True)])
def test_what_is_so_already_is_no_move(wish: Wish) -> None:
    assert plan(P, ROW, log(), wish, GROUP) is None


def test_a_row_that_is_not_there_is_made_where_it_is_to_begin() -> None:
    move = plan(P, None, log(topic_id="new"), Wish(7), GROUP)
    assert move is not None
    assert (move.before, move.group, move.topic_id, move.next_offset) == (None, GROUP, "new", 7)
    with pytest.raises(CannotMove, match="no position yet; --offset"):
        plan(P, None, log(), Wish(group="another"), GROUP)


def test_a_topic_made_anew_is_accepted_with_an_offset_in_it() -> None:
    anew = log(100, topic_id="new")
    with pytest.raises(CannotMove, match="--accept-topic with an --offset"):
        plan(P, ROW, anew, Wish(0), GROUP)
    with pytest.raises(CannotMove, match="--offset where to go on"):
        plan(P, ROW, anew, Wish(accept_topic=True), GROUP)
    move = plan(P, ROW, anew, Wish(0, accept_topic=True), GROUP)
    assert move is not None
    assert (move.topic_id, move.next_offset) == ("new", 0)


def test_another_groups_row_is_handed_over_not_just_moved() -> None:
    theirs = position(50, group="another")
    with pytest.raises(CannotMove, match="belongs to group another, not to group; --group"):
        plan(P, theirs, log(), Wish(10), GROUP)
    move = plan(P, theirs, log(), Wish(group=GROUP), GROUP)
    assert move is not None
    assert (move.group, move.next_offset) == (GROUP, 50)


def test_a_row_moves_when_it_goes_on_or_is_claimed_and_not_when_its_owner_leaves() -> None:
    before = [ROW, position(0, Q), None]
    assert moving(before, before) == []
    assert moving(before, [replace(ROW, claims=0), position(0, Q), None]) == []
    assert moving(before, [position(51), position(0, Q, epoch=2), None]) == [P, Q]
    assert moving([None], [ROW]) == [P]


@pytest.mark.parametrize(("number", "allowed"), [(2, False), (3, True), (9, True), (10, False)])
def test_the_relay_could_go_on_only_where_nothing_is_missing(*, number: int, allowed: bool) -> None:
    shelf = Shelf(1, 3, 9, started=True)
    if allowed:
        check_number(number, shelf)
    else:
        with pytest.raises(CannotMove, match=f"--published {number}: .*allowed: 3 to 9"):
            check_number(number, shelf)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (Wish(0), "--accept-topic with an --offset of the new one goes on there"),
        (Wish(accept_topic=True), "say with --offset where to go on, for instance earliest"),
    ],
)
def test_a_refusal_names_the_partition_and_both_topics(wish: Wish, said: str) -> None:
    with pytest.raises(CannotMove) as refused:
        plan(P, ROW, log(topic_id="new"), wish, GROUP)
    name = "raw-push, partition 0: the topic was made anew (id new, the position is of topic-id)"
    assert str(refused.value) == f"{name}; {said}"


def test_rows_are_held_against_just_as_many() -> None:
    with pytest.raises(ValueError, match="shorter"):
        moving([ROW, None], [ROW])
