"""Contract, section 3: cancellation, duplicates, conflicts, what is unknown."""

from datetime import UTC, datetime, timedelta

import pytest

from python_app_template.core.delivery.messages import Refused
from python_app_template.core.delivery.outcomes import NoEffect
from python_app_template.core.domain.commands import Command, Line, PlaceOrder
from python_app_template.core.domain.events import BatchCreated, LineDeallocated
from python_app_template.core.domain.stock import Stock
from tests.unit.domain.builders import SOON, batch, cancel, change, decide, order, stock_after

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FULL = PlaceOrder("o", (Line("LAMP", 1), Line("CHAIR", 2)), "customer", NOON)


def reason(command: Command, stock: Stock) -> str:
    before = repr(stock)
    decision = decide(command, stock)
    assert isinstance(decision, Refused)
    assert repr(stock) == before, "what refuses leaves the state untouched"
    return f"{decision.reason}: {decision.detail}"


def test_a_batch_is_known() -> None:
    assert decide(batch("b", "LAMP", 5, SOON), Stock()) == [BatchCreated("LAMP", 1, "b", 5, SOON)]


def test_every_allocated_line_gives_its_units_back_by_ascending_line_and_the_others_say_nothing() -> None:
    stock = stock_after(batch(qty=3), batch("c", "CHAIR"))
    decide(order("o", ("LAMP", 1), ("CHAIR", 1), ("LAMP", 9), ("TABLE", 1), ("LAMP", 2)), stock)
    assert decide(cancel("o"), stock) == [
        LineDeallocated("LAMP", 5, "o", 0, 1, "batch", "order_cancelled"),
        LineDeallocated("CHAIR", 3, "o", 1, 1, "c", "order_cancelled"),
        LineDeallocated("LAMP", 6, "o", 4, 2, "batch", "order_cancelled"),
    ]
    assert stock.batches["batch"].allocated == 0


def test_a_cancelled_order_stays_known_and_is_never_allocated_again() -> None:
    stock = stock_after(batch(), order("o"), cancel("o"))
    assert decide(order("o"), stock) is NoEffect.DUPLICATE
    assert reason(order("o", ("LAMP", 7)), stock).startswith("conflict")
    assert stock.batches["batch"].allocated == 0


def test_cancelling_a_cancelled_order_has_no_effect() -> None:
    stock = stock_after(batch(), order("o"), cancel("o"))
    assert decide(cancel("o"), stock) is NoEffect.DUPLICATE


def test_an_order_without_allocated_lines_can_be_cancelled_too() -> None:
    stock = stock_after(order("o"))
    assert decide(cancel("o"), stock) == []
    assert decide(cancel("o"), stock) is NoEffect.DUPLICATE


def test_cancelling_an_order_never_placed_is_unknown_order() -> None:
    assert reason(cancel("o"), stock_after(batch())) == "unknown_order: order 'o' was never placed"


def test_the_same_order_again_has_no_effect() -> None:
    stock = stock_after(batch(), FULL)
    assert decide(PlaceOrder(*FULL), stock) is NoEffect.DUPLICATE


def test_instants_are_compared_not_how_they_were_written() -> None:
    stock = stock_after(FULL)
    assert decide(FULL._replace(placed_at=NOON.astimezone(None)), stock) is NoEffect.DUPLICATE


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (FULL._replace(lines=FULL.lines[::-1]), "lines"),
        (FULL._replace(lines=(*FULL.lines, Line("LAMP", 1))), "lines"),
        (FULL._replace(customer_id=None), "customer_id"),
        (FULL._replace(placed_at=NOON + timedelta(microseconds=1)), "placed_at"),
        (FULL._replace(placed_at=None, customer_id="x"), "customer_id, placed_at"),
    ],
)
def test_the_same_order_id_with_other_content_is_a_conflict_and_the_first_stands(other: Command, named: str) -> None:
    stock = stock_after(batch(), FULL)
    assert reason(other, stock) == f"conflict: order 'o' is known with other content: {named}"
    assert decide(FULL, stock) is NoEffect.DUPLICATE


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (batch("b", "LAMP", 6, SOON), "qty"),
        (batch("b", "CHAIR", 5, SOON), "sku"),
        (batch("b", "LAMP", 5, None), "eta"),
    ],
)
def test_the_same_batch_ref_with_other_content_is_a_conflict(other: Command, named: str) -> None:
    stock = stock_after(batch("b", "LAMP", 5, SOON))
    assert reason(other, stock) == f"conflict: batch 'b' is known with other content: {named}"


def test_a_batch_is_compared_with_what_it_was_created_as_whatever_its_quantity_became() -> None:
    stock = stock_after(batch(qty=5), change(qty=7))
    assert decide(batch(qty=5), stock) is NoEffect.DUPLICATE
    assert reason(batch(qty=7), stock).startswith("conflict")


def test_an_unknown_batch_is_refused_untouched() -> None:
    assert reason(change("b"), Stock()) == "unknown_batch: batch 'b' was never created"
