"""Contract, section 3: `batch.quantity_changed`."""

from python_app_template.core.delivery.messages import Refused
from python_app_template.core.delivery.outcomes import NoEffect
from python_app_template.core.domain.events import (
    BatchQuantityChanged,
    LineAllocated,
    LineDeallocated,
    LineOutOfStock,
)
from python_app_template.core.domain.stock import Stock
from tests.unit.domain.builders import SOON, batch, cancel, change, decide, events, order, stock_after, where


def three_orders() -> Stock:
    """Versions: 1 the batch, 2 to 4 the lines."""
    return stock_after(batch(qty=6), *(order(name, ("LAMP", 2)) for name in "abc"))


def test_the_latest_lines_are_taken_off_until_the_rest_fits_and_placed_again_earliest_first() -> None:
    """Its events come in that order: the change, the lines taken off, the lines placed again."""
    stock = three_orders()
    decide(batch("ship", qty=2, eta=SOON), stock)
    assert decide(change(qty=3), stock) == [
        BatchQuantityChanged("LAMP", 6, "batch", 3),
        LineDeallocated("LAMP", 7, "c", 0, 2, "batch", "quantity_changed"),
        LineDeallocated("LAMP", 8, "b", 0, 2, "batch", "quantity_changed"),
        LineAllocated("LAMP", 9, "b", 0, 2, "ship", SOON),
        LineOutOfStock("LAMP", 10, "c", 0, 2),
    ]


def test_what_just_fits_stays() -> None:
    assert decide(change(qty=2), three_orders()) == [
        BatchQuantityChanged("LAMP", 5, "batch", 2),
        LineDeallocated("LAMP", 6, "c", 0, 2, "batch", "quantity_changed"),
        LineDeallocated("LAMP", 7, "b", 0, 2, "batch", "quantity_changed"),
        LineOutOfStock("LAMP", 8, "b", 0, 2),
        LineOutOfStock("LAMP", 9, "c", 0, 2),
    ]


def test_the_changed_batch_takes_part_again() -> None:
    """A large line comes off for want of one unit; a small one that came off with it finds room."""
    stock = stock_after(batch(qty=6), order("large", ("LAMP", 5)), order("small", ("LAMP", 1)))
    assert decide(change(qty=4), stock) == [
        BatchQuantityChanged("LAMP", 4, "batch", 4),
        LineDeallocated("LAMP", 5, "small", 0, 1, "batch", "quantity_changed"),
        LineDeallocated("LAMP", 6, "large", 0, 5, "batch", "quantity_changed"),
        LineOutOfStock("LAMP", 7, "large", 0, 5),
        LineAllocated("LAMP", 8, "small", 0, 1, "batch", None),
    ]


def test_latest_is_by_the_version_of_the_current_allocation() -> None:
    """The first order's line moved to the ship last of all, so it is the first to leave it."""
    stock = stock_after(batch(qty=1), batch("ship", qty=2, eta=SOON), order("first"), order("second"))
    decide(change(qty=0), stock)
    assert [getattr(e, "order_id", None) for e in events(decide(change("ship", 1), stock))] == [None, "first", "first"]


def test_more_units_move_no_line() -> None:
    stock = stock_after(batch(qty=1), order("a", ("LAMP", 2)))
    assert decide(change(qty=9), stock) == [BatchQuantityChanged("LAMP", 3, "batch", 9)]
    assert where(decide(order("b", ("LAMP", 9)), stock)) == ["batch"]


def test_cancelled_lines_do_not_come_off() -> None:
    stock = three_orders()
    decide(cancel("c"), stock)
    assert [getattr(e, "order_id", None) for e in events(decide(change(qty=2), stock))] == [None, "b", "b"]


def test_a_quantity_change_is_judged_against_the_current_quantity_alone() -> None:
    """To what it is already, no effect; an old one sent again is a new change."""
    stock = stock_after(batch(qty=5), change(qty=7))
    assert decide(change(qty=7), stock) is NoEffect.DUPLICATE
    assert decide(change(qty=5), stock) == [BatchQuantityChanged("LAMP", 3, "batch", 5)]
    assert decide(change(qty=7), stock) == [BatchQuantityChanged("LAMP", 4, "batch", 7)]


def test_a_change_for_a_batch_never_created_is_unknown_batch() -> None:
    stock = stock_after(batch())
    decision = decide(change("other"), stock)
    assert isinstance(decision, Refused)
    assert (decision.reason, [*stock.batches]) == ("unknown_batch", ["batch"])
