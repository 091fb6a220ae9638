"""Where a reader of events goes on, whatever became of the log meanwhile."""

from python_app_template.core.delivery.following import Bounds, Place
from python_app_template.core.use_cases.collect_shortages import Astray, resume

LOG = Bounds("id", {0: 5, 1: 0}, {0: 20, 1: 9})


def test_it_goes_on_where_it_was() -> None:
    for offsets in ({0: 5, 1: 0}, {0: 12, 1: 3}, {0: 20, 1: 9}):
        assert resume(Place("id", offsets), LOG) == (Place("id", offsets), [])


def test_a_partition_that_was_added_is_read_from_its_start() -> None:
    assert resume(Place("id", {0: 12}), LOG) == (Place("id", {0: 12, 1: 0}), [])


def test_what_retention_took_is_passed_over_and_told() -> None:
    place, astray = resume(Place("id", {0: 3, 1: 2}), LOG)
    assert place == Place("id", {0: 5, 1: 2})
    assert astray == [Astray(0, "offset 3", "offsets 5 to 20", 5)]


def test_a_log_that_was_set_back_is_read_from_its_end_and_told() -> None:
    place, astray = resume(Place("id", {0: 12, 1: 10}), LOG)
    assert place == Place("id", {0: 12, 1: 9})
    assert astray == [Astray(1, "offset 10", "offsets 0 to 9", 9)]


def test_a_topic_made_anew_is_read_from_its_start_and_told() -> None:
    place, astray = resume(Place("old", {0: 12, 1: 3}), LOG)
    assert place == Place("id", {0: 5, 1: 0})
    assert [one.next_offset for one in astray] == [5, 0]
