"""The demo's closing check: what the audit found, and the stock it leaves."""

from python_app_template.audit.checker import examine
from python_app_template.cli.story.books import Books
from tests.clients import batch, order
from tests.unit.audit.evidence import clean, of_bodies, with_events

MADE = clean(
    of_bodies(
        batch("b", "LAMP", 6),
        batch("ship", "LAMP", 5, "2026-12-01"),
        batch("chairs", "CHAIR", 1),
        order("first", ("LAMP", 5)),
        order("second", ("LAMP", 4)),
    )
)


def test_stock_is_told_by_sku_and_in_the_order_in_which_it_is_allocated() -> None:
    books = Books(examine(MADE))
    assert (books.violations, books.skus) == ([], 2)
    assert [(b.ref, b.eta, b.purchased, b.allocated, b.free) for b in books.stock()] == [
        ("chairs", None, 1, 0, 1),
        ("b", None, 6, 5, 1),
        ("ship", "2026-12-01", 5, 4, 1),
    ]


def test_what_is_wrong_is_told_in_lines() -> None:
    books = Books(examine(with_events(MADE, lambda events: events.pop())))
    assert any(line.startswith("lost: ") for line in books.violations)
