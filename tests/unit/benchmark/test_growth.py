"""The rate of a tenth."""

import pytest

from tests.benchmark.growth import pace
from tests.benchmark.visible import Sample


def samples(*totals: int) -> list[Sample]:
    return [Sample(float(at), (total, 0, 0)) for at, total in enumerate(totals)]


def test_a_tenth_has_the_rate_of_its_middle() -> None:
    # 20 to 90 % of 1,000: from 300 at 3 s to 900 at 6 s; starting and the last small batches do not count.
    assert pace(samples(0, 0, 10, 300, 500, 700, 900, 900, 910, 1000), 1000) == pytest.approx(200)


def test_where_there_is_no_middle_all_of_it_counts() -> None:
    assert pace(samples(0, 100, 950, 1000), 1000) == pytest.approx(450)


def test_a_tenth_in_one_burst_has_no_rate() -> None:
    with pytest.raises(AssertionError, match="ask for more lines"):
        pace(samples(0, 0, 1000), 1000)
