"""Contract, section 3: allocation."""

from datetime import date

from python_app_template.core.domain.events import LineAllocated, LineOutOfStock, LineRejected
from python_app_template.core.domain.stock import Stock
from tests.unit.domain.builders import LATER, SOON, batch, cancel, change, decide, events, order, stock_after, where


def test_a_line_is_allocated_whole_to_one_batch_that_has_that_many_units_free() -> None:
    stock = stock_after(batch("few", qty=2), batch("many", qty=5))
    assert decide(order("o", ("LAMP", 3)), stock) == [LineAllocated("LAMP", 3, "o", 0, 3, "many", None)]


def test_a_line_may_take_the_last_unit() -> None:
    assert where(decide(order("o", ("LAMP", 3)), stock_after(batch(qty=3)))) == ["batch"]


def test_warehouse_stock_comes_first() -> None:
    stock = stock_after(batch("a", eta=SOON), batch("b"))
    assert where(decide(order(), stock)) == ["b"]


def test_warehouse_stock_comes_first_even_before_the_first_day_of_all() -> None:
    stock = stock_after(batch("a", eta=date.min), batch("b"))
    assert where(decide(order(), stock)) == ["b"]


def test_then_comes_the_earliest_eta() -> None:
    stock = stock_after(batch("a", eta=LATER), batch("b", eta=SOON))
    assert where(decide(order(), stock)) == ["b"]


def test_then_comes_the_smaller_batch_ref() -> None:
    stock = stock_after(batch("b2"), batch("b10"))
    assert where(decide(order(), stock)) == ["b10"]


def test_smaller_is_by_code_point() -> None:
    """UTF-16 would have it the other way round: U+1F4E6 begins with the surrogate D83D, which is below E000."""
    stock = stock_after(batch("\U0001f4e6"), batch("\ue000"))
    assert where(decide(order(), stock)) == ["\ue000"]
    assert where(decide(order("o"), stock_after(batch("é"), batch("z"), batch("Z")))) == ["Z"]


def test_without_such_a_batch_the_line_is_out_of_stock() -> None:
    """It is about a known SKU, so it moves the SKU's version."""
    stock = stock_after(batch(qty=1))
    assert decide(order("o", ("LAMP", 2)), stock) == [LineOutOfStock("LAMP", 2, "o", 0, 2)]


def test_a_sku_that_no_batch_ever_had_is_rejected() -> None:
    stock = stock_after(batch())
    assert decide(order("o", ("TABLE", 2)), stock) == [LineRejected("TABLE", "o", 0, 2)]
    assert "TABLE" not in stock.products


def test_an_empty_batch_makes_its_sku_known() -> None:
    assert decide(order("o"), stock_after(batch(qty=0))) == [LineOutOfStock("LAMP", 2, "o", 0, 1)]


def test_lines_are_decided_in_the_order_of_the_message_each_on_its_own() -> None:
    stock = stock_after(batch(qty=3), batch("chairs", "CHAIR"))
    lines = [("LAMP", 2), ("TABLE", 1), ("LAMP", 2), ("CHAIR", 1), ("LAMP", 1)]
    assert decide(order("o", *lines), stock) == [
        LineAllocated("LAMP", 2, "o", 0, 2, "batch", None),
        LineRejected("TABLE", "o", 1, 1),
        LineOutOfStock("LAMP", 3, "o", 2, 2),
        LineAllocated("CHAIR", 2, "o", 3, 1, "chairs", None),
        LineAllocated("LAMP", 4, "o", 4, 1, "batch", None),
    ]


def test_out_of_stock_and_rejected_are_final() -> None:
    stock = stock_after(order("early"), batch(qty=0), order("late"))
    assert len(events(decide(batch("more"), stock))) == 1
    assert [line.status for o in ("early", "late") for line in stock.orders[o].lines] == ["rejected", "out_of_stock"]


def test_units_that_come_free_are_found_again() -> None:
    stock = stock_after(batch(qty=2), order("a", ("LAMP", 2)), order("b", ("LAMP", 2)), cancel("a"))
    assert where(decide(order("c", ("LAMP", 2)), stock)) == ["batch"]
    assert where(decide(order("d", ("LAMP", 2)), stock)) == [None]
    decide(change(qty=4), stock)
    assert where(decide(order("e", ("LAMP", 2)), stock)) == ["batch"]
    assert where(decide(order("f", ("LAMP", 2)), stock)) == [None]
    decide(batch("a-better-one"), stock)
    assert where(decide(order("g", ("LAMP", 2)), stock)) == ["a-better-one"]


def test_an_order_of_nothing_known_leaves_no_trace_but_itself() -> None:
    stock = Stock()
    decide(order("o", ("TABLE", 1)), stock)
    assert (stock.products, stock.batches, [*stock.orders]) == ({}, {}, ["o"])
