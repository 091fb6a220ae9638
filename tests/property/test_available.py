"""Lines are given the same batches by the first few of them as by all, unless the rule says that these are too few."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from python_app_template.adapters.secondary.postgres.stock.available import too_few
from python_app_template.core.domain.commands import Line
from python_app_template.core.domain.order import OrderLine
from python_app_template.core.domain.product import Batch, Product

free_units = st.lists(st.integers(1, 9), min_size=1, max_size=8)
quantities = st.lists(st.integers(1, 5), min_size=1, max_size=8)


def batches(free: Sequence[int]) -> list[Batch]:
    return [Batch(f"b{place:02}", "S", None, units, units) for place, units in enumerate(free)]


def given_out(free: Sequence[int], asked: Sequence[int]) -> list[str | None]:
    product = Product("S", 1, batches(free))
    lines = [OrderLine("o", place, "S", qty) for place, qty in enumerate(asked)]
    for line in lines:
        product.allocate(line)
    return [line.batch_ref for line in lines]


@given(free_units, free_units, quantities)
def test_what_is_enough_gives_each_line_the_batch_that_all_would(
    first: list[int], rest: list[int], asked: list[int]
) -> None:
    if not too_few({"S": batches(first)}, [Line("S", qty) for qty in asked]):
        assert given_out(first, asked) == given_out(first + rest, asked)


def test_enough_is_what_no_order_of_these_lines_can_pass_by() -> None:
    lines = [Line("S", 2), Line("S", 3), Line("T", 100)]
    assert too_few({"S": batches([4, 4])}, lines) == {"S"}, "3 of one and 2 of the other would leave no 3"
    assert too_few({"S": batches([4, 5])}, lines) == set()
    assert too_few({"S": batches([2, 2, 2, 2])}, lines) == {"S"}, "none has room for 3"
    assert too_few({"S": batches([1])}, []) == set()
