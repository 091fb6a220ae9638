"""Which messages were applied by the moment of the cut, how often, and what is younger than it."""

import pytest

from python_app_template.audit.cut import FOREVER, Scope, is_before
from python_app_template.audit.evidence import Cut, Evidence, Log, Move, Record


def scope(cut: Cut | None = None, **starts: int) -> Scope:
    log = Log(starts={int(name[1:]): start for name, start in starts.items()})
    return Scope(Evidence(messages=[], events=[], cut=cut, message_log=log))


def record(partition: int, offset: int) -> Record:
    return Record(partition, offset, None, None)


SKIPPED = Cut({0: 9}, moves=[Move(0, 3, 6)])
AGAIN = Cut({0: 9}, moves=[Move(0, 6, 3)])


@pytest.mark.parametrize(
    ("cut", "times"),
    [
        (None, [1] * 12),
        (Cut({0: 9}), [1] * 9 + [0] * 3),
        (Cut({1: 9}), [0] * 12),
        (SKIPPED, [1] * 3 + [0] * 3 + [1] * 3 + [0] * 3),
        (AGAIN, [1] * 3 + [2] * 3 + [1] * 3 + [0] * 3),
        (Cut({0: 9}, moves=[Move(1, 6, 3)]), [1] * 9 + [0] * 3),
        (Cut({0: 2}, moves=[Move(0, 6, 3), Move(0, 5, 0)]), [2, 2, 1, 2, 2, 1, 0, 0, 0, 0, 0, 0]),
        (Cut({0: 9}, moves=[Move(1, 6, 3), Move(0, 3, 6)]), [1] * 3 + [0] * 3 + [1] * 3 + [0] * 3),
    ],
)
def test_a_message_below_the_position_was_applied_once_unless_it_was_moved(cut: Cut | None, times: list[int]) -> None:
    judge = scope(cut)
    assert [judge.times((0, offset)) for offset in range(12)] == times
    assert [judge.times((0, offset)) for offset in range(12)] == times


def test_without_a_cut_everything_was_applied() -> None:
    assert scope().segments(7) == ((0, FOREVER),)
    assert scope().times((7, FOREVER - 1)) == 1


def test_pieces_stand_in_the_order_in_which_they_were_applied() -> None:
    assert scope(AGAIN).segments(0) == ((0, 6), (3, 9))
    assert scope(AGAIN).segments(1) == ((0, 0),)


@pytest.mark.parametrize(
    ("cut", "beyond"),
    [
        (None, []),
        (Cut({0: 9}), [9, 10, 11]),
        (Cut({1: 9}), [*range(12)]),
        (SKIPPED, [9, 10, 11]),
        (Cut({0: 4}, moves=[Move(0, 9, 2)]), [9, 10, 11]),
    ],
)
def test_beyond_is_what_stands_above_the_position_and_was_never_applied(cut: Cut | None, beyond: list[int]) -> None:
    assert [offset for offset in range(12) if scope(cut).is_beyond((0, offset))] == beyond


@pytest.mark.parametrize(
    ("place", "seen", "is_later"),
    [
        ((0, 9), {1: 5}, True),
        ((0, 9), {1: 6}, False),
        ((0, 9), {}, True),
        ((0, 9), None, False),
        ((0, 8), {1: 5}, False),
    ],
)
def test_what_is_known_of_a_message_is_later_if_it_is_beyond_and_nobody_saw_it(
    place: tuple[int, int], seen: dict[int, int] | None, *, is_later: bool
) -> None:
    assert scope(Cut({0: 9})).is_later(place, record(1, 5), seen) is is_later


def test_what_stands_below_the_end_that_was_seen_was_there_before() -> None:
    assert [is_before({1: 5}, record(1, offset)) for offset in (4, 5)] == [True, False]
    assert not is_before({0: 5}, record(1, 0))
    assert is_before(None, record(1, 5))


def test_retention_took_what_stands_below_the_start_of_its_log() -> None:
    judge = scope(p1=4)
    assert [judge.is_truncated((1, offset)) for offset in (3, 4)] == [True, False]
    assert not judge.is_truncated((0, 0))


def test_what_was_applied_once_stands_by_partition_in_the_order_of_that() -> None:
    """Of partition 0 the second piece was applied after the first, though its offsets are smaller."""
    cut = Cut({0: 2, 1: 9}, moves=[Move(0, 4, 6), Move(0, 8, 0)])
    sent = [record(1, 3), *[record(0, offset) for offset in (7, 6, 5, 1, 0)], record(1, 2), record(1, 9), record(2, 0)]
    found = scope(cut).applied_once(sent)
    assert [*found] == [0, 1]
    assert [message.offset for message in found[0]] == [6, 7]
    assert [message.offset for message in found[1]] == [2, 3]


def test_what_was_applied_once_after_a_move_comes_after_what_was_applied_before_it() -> None:
    cut = Cut({0: 2}, moves=[Move(0, 0, 6), Move(0, 8, 0)])
    found = scope(cut).applied_once([record(0, offset) for offset in range(9)])
    assert [message.offset for message in found[0]] == [6, 7, 0, 1]
