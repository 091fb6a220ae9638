"""What was visible when."""

from array import array

import pytest

from tests.benchmark.visible import Counted, Sample, edges


def test_a_rate_is_taken_from_burst_to_burst() -> None:
    totals = [(0.0, 0), (1.0, 0), (1.5, 50), (2.0, 50), (3.0, 90), (3.5, 90), (4.0, 200)]
    samples = [Sample(at, (total, 0, 0)) for at, total in totals]
    one, other = edges(samples, 1.0, 3.9)
    assert (one.at, other.at) == (1.5, 3.0)


def test_a_single_burst_has_no_rate() -> None:
    samples = [Sample(0.0, (0, 0, 0)), Sample(1.0, (5, 0, 0)), Sample(2.0, (5, 0, 0))]
    with pytest.raises(AssertionError, match="1 samples out of 3"):
        edges(samples, 0.0, 2.0)


def test_records_below_the_end_are_visible_whatever_offsets_markers_take() -> None:
    found = Counted()
    found.records = [array("q", [0, 1, 3, 4]), array("q", [0]), array("q")]
    found.firsts = [array("q", [0, 3]), array("q", [0]), array("q")]
    now = Sample(1.0, (4, 0, 0))
    assert found.events_below(now) == 3
    assert found.orders_below(now) == 2
