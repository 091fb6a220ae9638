"""Cases of `scale`: what they order, and what is asked for by name."""

from itertools import islice

import msgspec
import pytest

from tests.benchmark.scale import cases
from tests.benchmark.scaling.cases import Case, orders
from tests.benchmark.scaling.waits import Waits


def lines(case: Case, count: int) -> list[list[str]]:
    bodies = [msgspec.json.decode(value) for _, value in islice(orders(case), count)]
    return [[line["sku"] for line in body["lines"]] for body in bodies]


def test_orders_have_as_many_lines_as_the_case_says() -> None:
    assert {len(order) for order in lines(Case("", lines=100), 20)} == {100}
    assert {len(order) for order in lines(Case(""), 200)} == {1, 2, 3}


def test_uniform_demand_spares_no_sku_and_zipf_prefers_some() -> None:
    uniform, zipf = (
        [sku for order in lines(case, 5000) for sku in order]
        for case in (Case("", skus=50, uniform=True), Case("", skus=50))
    )
    counts = sorted(map(uniform.count, set(uniform)))
    assert len(counts) == 50
    assert counts[-1] < 2 * counts[0]
    assert max(map(zipf.count, set(zipf))) > 5 * min(map(zipf.count, set(zipf)))


def test_orders_are_the_same_each_time() -> None:
    assert [*islice(orders(Case("")), 10)] == [*islice(orders(Case("")), 10)]


def test_cases_are_found_by_axis_or_name_and_a_wrong_one_is_named() -> None:
    assert {axis for axis, _ in cases(["partitions"])} == {"partitions"}
    assert [case.workers for _, case in cases(["zipf"])] == [1, 2, 3]
    with pytest.raises(SystemExit, match="no case nothing; there are workers, "):
        cases(["nothing"])


def test_waits_for_locks_are_told_from_all_others() -> None:
    waits = Waits("")
    waits.seen.update({"running": 60, "Lock: transactionid": 25, "Lock: tuple": 5, "IO: WalSync": 10})
    assert waits.lock_share() == pytest.approx(0.3)
    assert waits.shares()["running"] == 0.6
