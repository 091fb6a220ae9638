"""Turns, and what the trials of a contest come to."""

import pytest

from tests.benchmark.contest import Entry, entries, needed, turns
from tests.benchmark.sides.service import SIDES
from tests.benchmark.summary import noise_of, per_million, summaries
from tests.benchmark.trial import Plan
from tests.unit.benchmark.trials import trial

SERVICE, PLAIN, BOOK = (Entry(name, 0, SIDES[0]) for name in ("service", "plain", "book"))


def test_the_first_runs_twice_and_the_others_begin_with_another_one_each_round() -> None:
    first, second = ([*turns([SERVICE, PLAIN, BOOK], number)] for number in (0, 1))
    assert first == [(False, SERVICE), (False, PLAIN), (False, BOOK), (True, SERVICE)]
    assert second == [(False, SERVICE), (False, BOOK), (False, PLAIN), (True, SERVICE)]


def test_a_side_is_given_more_than_it_can_do_in_its_time() -> None:
    plan = Plan(seconds=10, warm_up_seconds=5)
    assert needed(1000, plan) > 15_000
    assert needed(1, plan) >= 10_000


def test_the_reference_comes_first_and_the_floor_not_at_all() -> None:
    found = entries("sunny")
    assert found[0].side is SIDES[0]
    assert "floor" not in {entry.kind for entry in found}


def test_a_side_that_there_is_not_is_named() -> None:
    with pytest.raises(SystemExit, match="no side nothing; there are service"):
        entries("sunny", ["nothing"])


def test_a_side_is_chosen_by_its_name_its_module_or_a_part_of_its_name() -> None:
    assert [entry.place for entry in entries("sunny", ["service, 5,000 a batch"])] == [("service", 0)]
    assert [entry.place for entry in entries("sunny", ["5,000"])] == [("service", form) for form in (0, 1, 5)]
    assert {entry.kind for entry in entries("sunny", ["service", "plain"])} == {"service", "plain"}


def test_sides_are_compared_with_the_first() -> None:
    found = summaries([trial("service", 1000), trial("plain", 50), trial("service", 1200), trial("service", 1100)])
    assert [(one.side, one.orders_per_second.median, one.ratio) for one in found] == [
        ("service", 1100, 1),
        ("plain", 50, 22),
    ]


def test_costs_are_of_a_million_orders() -> None:
    (found,) = summaries([trial("service", 1000)])  # 10,000 orders in its 10 s
    assert found.cpu_seconds["side"] == 200
    assert found.wal_bytes_per_order == 2
    assert per_million(found)["WAL, GB"] == pytest.approx(0.002)
    assert found.orders_per_cpu_second == 2500


def test_noise_is_taken_from_the_side_that_ran_twice() -> None:
    twice = [
        trial("service", 100, round=0),
        trial("plain", 7, round=0),
        trial("service", 103, round=0, again=True),
        trial("service", 100, round=1),
        trial("service", 94, round=1, again=True),
        trial("service", 1, round=2),
    ]
    assert noise_of(twice) == pytest.approx(0.06)
    assert noise_of([trial("service", 100)]) == 0
