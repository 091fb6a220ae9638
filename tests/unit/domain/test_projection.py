"""What events make of the stock that is shown: by version, and by nothing else."""

from datetime import date

from python_app_template.core.domain.events import (
    BatchCreated,
    BatchQuantityChanged,
    Event,
    LineAllocated,
    LineDeallocated,
    LineOutOfStock,
    LineRejected,
)
from python_app_template.core.domain.projection import Change, Folded, fold
from python_app_template.core.domain.views import BatchView, StockView

ETA = date(2026, 12, 1)


def created(version: int, ref: str = "b", qty: int = 10, eta: date | None = None, sku: str = "S") -> Event:
    return BatchCreated(sku, version, ref, qty, eta)


def allocated(version: int, qty: int = 1, ref: str = "b", sku: str = "S") -> Event:
    return LineAllocated(sku, version, "o", 0, qty, ref, None)


def deallocated(version: int, qty: int = 1, ref: str = "b") -> Event:
    return LineDeallocated("S", version, "o", 0, qty, ref, "order_cancelled")


def out_of_stock(version: int) -> Event:
    return LineOutOfStock("S", version, "o", 0, 1)


def change(folded: Folded, sku: str = "S") -> Change:
    assert not folded.gaps
    return folded.changes[sku]


def test_a_run_of_events_becomes_one_change_per_sku() -> None:
    folded = fold(
        [
            created(1, eta=ETA),
            created(1, "c", sku="T"),
            allocated(2, 4),
            allocated(3, 3),
            deallocated(4, 4),
            BatchQuantityChanged("S", 5, "b", 7),
        ]
    )
    assert change(folded) == Change("S", 0, 5, {"b": ETA}, {"b": 7}, {"b": 3})
    assert change(folded, "T") == Change("T", 0, 1, {"c": None}, {"c": 10}, {})
    assert (folded.applied, folded.dropped) == (6, 0)


def test_a_line_that_is_out_of_stock_moves_the_version_alone() -> None:
    assert change(fold([out_of_stock(8)])) == Change("S", 7, 8)


def test_a_line_that_was_rejected_says_nothing_about_stock() -> None:
    assert fold([LineRejected("NEVER", "o", 0, 1)]) == Folded()


def test_the_first_event_of_a_sku_is_taken_for_the_next_one_unless_its_version_is_known() -> None:
    assert change(fold([allocated(17)])).base == 16
    assert change(fold([allocated(16), allocated(17), allocated(18)], {"S": 16})) == Change(
        "S", 16, 18, allocated={"b": 2}
    )


def test_events_at_or_below_the_version_are_dropped() -> None:
    folded = fold([allocated(3), allocated(4), allocated(5)], {"S": 5})
    assert (folded.changes, folded.gaps, folded.applied, folded.dropped) == ({}, set(), 0, 3)


def test_an_event_that_comes_twice_in_a_stretch_counts_once() -> None:
    folded = fold([allocated(3), allocated(3), allocated(4)])
    assert change(folded).allocated == {"b": 2}
    assert folded.dropped == 1


def test_a_version_that_is_missing_is_a_gap_and_nothing_of_its_sku_applies() -> None:
    folded = fold([allocated(3), allocated(5), allocated(2, sku="T")])
    assert folded.gaps == {"S"}
    assert folded.changes.keys() == {"T"}
    assert folded.applied == 1


def test_a_gap_shows_against_the_version_that_is_known() -> None:
    assert fold([allocated(5)], {"S": 3}).gaps == {"S"}
    assert fold([allocated(5)], {"S": 0}).gaps == {"S"}
    assert not fold([allocated(5)], {"S": 4}).gaps


def test_a_batch_that_gave_back_what_it_took_in_one_stretch_has_no_more_allocated() -> None:
    assert change(fold([allocated(2, 5), deallocated(3, 5)])).allocated == {"b": 0}


def test_a_change_to_a_view_holds_all_of_it_whatever_is_there() -> None:
    view = StockView("S", 9, 7, (BatchView("b", 10, 6, None), BatchView("ship", 1, 1, ETA)))
    assert Change.to(view) == Change("S", None, 9, {"b": None, "ship": ETA}, {"b": 10, "ship": 1}, {"b": 4, "ship": 0})
