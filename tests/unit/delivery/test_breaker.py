"""When failures are the deployment's, not the data's."""

import pytest

from python_app_template.core.delivery.breaker import Breaker
from python_app_template.core.delivery.faults import FatalError

OK, FAILED = False, True


def breaker(*, in_a_row: int = 5, share: float = 0.5, window: int = 100) -> Breaker:
    return Breaker(in_a_row=in_a_row, share=share, window=window)


def test_so_many_failures_in_a_row_trip_it() -> None:
    with pytest.raises(FatalError, match="a bad deployment"):
        breaker().saw([OK] + 5 * [FAILED])


def test_a_row_goes_on_from_batch_to_batch() -> None:
    it = breaker()
    it.saw([OK, FAILED, FAILED])
    it.saw([FAILED, FAILED])
    with pytest.raises(FatalError):
        it.saw([FAILED, OK])


def test_one_success_ends_a_row() -> None:
    it = breaker()
    it.saw(4 * [FAILED])
    it.saw([OK])
    it.saw(4 * [FAILED])


def test_failures_scattered_over_a_large_batch_are_no_row() -> None:
    breaker(window=1000).saw(20 * [FAILED, OK, OK, OK])


def test_a_row_in_the_middle_of_a_batch_counts() -> None:
    with pytest.raises(FatalError):
        breaker().saw([OK, *(5 * [FAILED]), OK])


def test_a_share_of_the_window_trips_it() -> None:
    it = breaker(in_a_row=100, share=0.25, window=40)
    for _ in range(9):
        it.saw([FAILED, OK, OK, OK])
    it.saw([FAILED, OK, OK, OK])
    with pytest.raises(FatalError, match="11 of the last 40"):
        it.saw([FAILED, OK, FAILED, OK])


def test_a_share_is_judged_only_once_the_window_is_full() -> None:
    it = breaker(in_a_row=100, share=0.1, window=10)
    it.saw(4 * [FAILED, OK])
    with pytest.raises(FatalError):
        it.saw([OK, OK])


def test_what_lies_before_the_window_is_forgotten() -> None:
    it = breaker(in_a_row=100, share=0.5, window=10)
    it.saw(4 * [FAILED])
    it.saw(6 * [OK])
    it.saw(4 * [OK])
    it.saw([FAILED, OK] * 3)
    with pytest.raises(FatalError, match=r"6 of the last 10"):
        it.saw([FAILED, FAILED, FAILED, OK])


def test_batches_without_messages_take_no_room() -> None:
    it = breaker(in_a_row=3)
    it.saw([FAILED, FAILED])
    for _ in range(1000):
        it.saw([])
    assert len(it._seen) == 1  # noqa: SLF001 an idle service for months must not grow
    with pytest.raises(FatalError):
        it.saw([FAILED])


def test_one_in_a_row_is_a_failure_and_not_its_absence() -> None:
    breaker = Breaker(in_a_row=1, share=1.0, window=10)
    breaker.saw([False, False])
    with pytest.raises(FatalError):
        breaker.saw([False, True])


def test_it_says_how_many_failed_and_where_to_look() -> None:
    with pytest.raises(FatalError) as tripped:
        Breaker(in_a_row=2, share=1.0, window=10).saw([False, True, True])
    assert str(tripped.value) == (
        "2 of the last 3 messages failed: a bad deployment, not bad data; "
        "see the details of the dead letters with reason `failed`"
    )
