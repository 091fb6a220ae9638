"""Whether one can go on from where a log was left, and how far it is to its end."""

import pytest

from python_app_template.core.delivery.following import Bounds, Place, unfollowable

BOUNDS = Bounds("id", {0: 5, 1: 0}, {0: 10, 1: 0})


@pytest.mark.parametrize("offset", [5, 7, 10])
def test_a_place_within_the_log_can_be_gone_on_from(offset: int) -> None:
    assert unfollowable(Place("id", {0: offset, 1: 0}), BOUNDS) is None


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (Place("another", {0: 7, 1: 0}), "topic_recreated"),
        (Place("id", {0: 7}), "partitions_changed"),
        (Place("id", {0: 7, 1: 0, 2: 0}), "partitions_changed"),
        (Place("id", {0: 4, 1: 0}), "log_truncated"),
        (Place("id", {0: 11, 1: 0}), "log_ends_before"),
        (Place("id", {0: 7, 1: 1}), "log_ends_before"),
    ],
)
def test_a_place_that_the_log_does_not_have_can_not(place: Place, why: str) -> None:
    assert unfollowable(place, BOUNDS) == why


def test_a_place_reaches_an_end_when_every_partition_does() -> None:
    assert Place("id", {0: 10, 1: 0}).reaches(BOUNDS.ends)
    assert Place("id", {0: 12, 1: 3}).reaches(BOUNDS.ends)
    assert not Place("id", {0: 9, 1: 3}).reaches(BOUNDS.ends)
    assert not Place("id", {0: 10}).reaches(BOUNDS.ends)


def test_what_moved_moves_and_the_rest_stays() -> None:
    assert Place("id", {0: 1, 1: 2}).moved({1: 5}) == Place("id", {0: 1, 1: 5})


def test_the_lag_is_what_is_left_of_each_partition() -> None:
    assert BOUNDS.lag(Place("id", {0: 7, 1: 3})) == {0: 3, 1: 0}
    assert BOUNDS.end == Place("id", {0: 10, 1: 0})
