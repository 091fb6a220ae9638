"""What is wrong with a row is told, word for word, and nothing else with it but what follows from it."""

from dataclasses import replace
from typing import Any

import pytest

from python_app_template.audit.checker import violations
from python_app_template.audit.rows import LineRow, OrderRow, Tables
from tests.clients import batch, order
from tests.unit.audit.evidence import clean, of_bodies
from tests.unit.audit.scene import CLEAN, with_tables

B1, B2 = "sku CHAIR, eta None, created_qty 10", "sku CHAIR, eta 2030-01-01, created_qty 10"
O1 = "sku CHAIR, qty 4, status allocated"
O3 = "sku CHAIR, qty 100, status out_of_stock, version 11, batch_ref None"
DUE = "where the events add up to"


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"products": {"CHAIR": 12}}, [f"products CHAIR: version 12 {DUE} version 11"]),
        ({"products": {"CHAIR": None}}, [f"products CHAIR: missing {DUE} version 11"]),
        ({"products": {"LAMP": 1}}, ["products LAMP: version 1, of which no event tells"]),
        (
            {"batches": {"b1": {"purchased": 7}}},
            [f"batches b1: {B1}, purchased 7, allocated 4 {DUE} {B1}, purchased 6, allocated 4"],
        ),
        (
            {"batches": {"b1": {"created_qty": 7}}},
            [
                (
                    "batches b1: sku CHAIR, eta None, created_qty 7, purchased 6, allocated 4 "
                    f"{DUE} {B1}, purchased 6, allocated 4"
                )
            ],
        ),
        (
            {"batches": {"b1": {"allocated": 5}}},
            [
                "batches b1: 5 allocated, and its lines hold 4",
                f"batches b1: {B1}, purchased 6, allocated 5 {DUE} {B1}, purchased 6, allocated 4",
            ],
        ),
        (
            {"batches": {"b2": {"allocated": 11}}},
            [
                "batches b2: 11 allocated, and its lines hold 0",
                "batches b2: 11 of 10 allocated",
                f"batches b2: {B2}, purchased 10, allocated 11 {DUE} {B2}, purchased 10, allocated 0",
            ],
        ),
        (
            {"batches": {"b2": {"eta": None}}},
            [f"batches b2: {B1}, purchased 10, allocated 0 {DUE} {B2}, purchased 10, allocated 0"],
        ),
        (
            {"lines": {("o1", 0): {"version": 4}}},
            [f"order_lines ('o1', 0): {O1}, version 4, batch_ref b1 {DUE} {O1}, version 3, batch_ref b1"],
        ),
        (
            {"lines": {("o3", 0): {"status": "rejected"}}},
            [f"order_lines ('o3', 0): sku CHAIR, qty 100, status rejected, version 11, batch_ref None {DUE} {O3}"],
        ),
        (
            {"lines": {("o1", 0): {"batch_ref": "b2"}}},
            [
                "batches b1: 4 allocated, and its lines hold 0",
                "batches b2: 0 allocated, and its lines hold 4",
                f"order_lines ('o1', 0): {O1}, version 3, batch_ref b2 {DUE} {O1}, version 3, batch_ref b1",
            ],
        ),
        ({"lines": {("o3", 0): None}}, [f"order_lines ('o3', 0): missing {DUE} {O3}"]),
        (
            {"lines": {("o3", 1): LineRow("CHAIR", 1, "out_of_stock", 11, None)}},
            [
                (
                    "order_lines ('o3', 1): sku CHAIR, qty 1, status out_of_stock, version 11, batch_ref None, "
                    "of which no event tells"
                )
            ],
        ),
        (
            {"orders": {"o2": {"cancelled": False}}},
            [
                (
                    "orders o2: customer_id None, placed_at None, cancelled False "
                    f"{DUE} customer_id None, placed_at None, cancelled True"
                )
            ],
        ),
        (
            {"orders": {"o1": {"customer_id": "c"}}},
            [
                (
                    "orders o1: customer_id c, placed_at None, cancelled False "
                    f"{DUE} customer_id None, placed_at None, cancelled False"
                )
            ],
        ),
        (
            {"orders": {"o1": None}},
            [f"orders o1: missing {DUE} customer_id None, placed_at None, cancelled False"],
        ),
    ],
)
def test_a_row_that_is_not_what_the_events_add_up_to_is_told(changes: dict[str, Any], lines: list[str]) -> None:
    assert violations(with_tables(**changes)) == [f"table: {line}" for line in lines]


def test_a_batch_that_is_allocated_to_the_last_unit_is_clean() -> None:
    made = clean(of_bodies(batch("b", "CHAIR", 3), order("o", ("CHAIR", 1), ("CHAIR", 2))))
    assert made.tables.batches["b"][-2:] == (3, 3)
    assert violations(made) == []


def test_units_of_several_lines_of_a_batch_are_added_up() -> None:
    made = clean(of_bodies(batch("b", "CHAIR", 9), order("o", ("CHAIR", 1), ("CHAIR", 2))))
    rows = {**made.tables.batches, "b": made.tables.batches["b"]._replace(allocated=2)}
    wrong = replace(made, tables=replace(made.tables, batches=rows))
    assert violations(wrong)[0] == "table: batches b: 2 allocated, and its lines hold 3"


def test_an_order_keeps_who_placed_it_and_when_to_the_microsecond_in_utc() -> None:
    """1,000,000 microseconds are the first second after midnight of the day before year 1's second."""
    at = "0001-01-01T00:00:01.5+00:00"
    made = clean(of_bodies(batch("b", "CHAIR", 9), order("o", ("CHAIR", 1), customer_id="c", placed_at=at)))
    assert made.tables.orders == {"o": OrderRow("c", 86_400 * 1_000_000 + 1_500_000, cancelled=False)}
    assert violations(made) == []
    late = {"o": OrderRow("c", 86_400 * 1_000_000 + 1_500_001, cancelled=False)}
    assert violations(replace(made, tables=replace(made.tables, orders=late))) == [
        (
            f"table: orders o: customer_id c, placed_at 86401500001, cancelled False {DUE} "
            "customer_id c, placed_at 86401500000, cancelled False"
        )
    ]


def test_all_rows_are_counted() -> None:
    assert len(Tables({"a": 1}, CLEAN.tables.batches, CLEAN.tables.orders, CLEAN.tables.lines)) == 1 + 2 + 4 + 5
