"""The tables against what the events add up to. Yours."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from python_app_template.audit.books import Books
from python_app_template.audit.evidence import Violation


class BatchRow(NamedTuple):
    """A row of `batches`; `eta` as in messages."""

    sku: str
    eta: str | None
    created_qty: int
    purchased: int
    allocated: int


class OrderRow(NamedTuple):
    """A row of `orders`; `placed_at` in microseconds since the first day of year 1, UTC."""

    customer_id: str | None
    placed_at: int | None
    cancelled: bool


class LineRow(NamedTuple):
    """A row of `order_lines`."""

    sku: str
    qty: int
    status: str
    version: int
    batch_ref: str | None


@dataclass
class Tables:
    """The domain's rows by their keys."""

    products: dict[str, int] = field(default_factory=dict)
    batches: dict[str, BatchRow] = field(default_factory=dict)
    orders: dict[str, OrderRow] = field(default_factory=dict)
    lines: dict[tuple[str, int], LineRow] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.products) + len(self.batches) + len(self.orders) + len(self.lines)


def differences(
    tables: Tables, books: Books, is_late: Callable[[str], bool], *, truncated: bool, purged: bool = False
) -> Iterator[Violation]:
    """Yield the first difference of each row.

    `is_late`: too little is known of the SKU; `truncated`: of orders; `purged`: orders that are done with may be gone.
    """

    def is_forgotten(order_id: str) -> bool:
        return purged and order_id not in tables.orders and is_done_with(books, order_id)

    def is_unknown(key: tuple[str, int], row: LineRow) -> bool:
        return is_late(row.sku) or is_forgotten(key[0]) or (truncated and row.status == "rejected")

    yield from _sums(tables)
    checks = (
        _compared(
            "products", dict(books.versions), tables.products, lambda sku, _: is_late(sku) and sku not in books.versions
        ),
        _compared("batches", batches_of(books), tables.batches, lambda _, row: is_late(row.sku)),
        _compared("order_lines", lines_of(books), tables.lines, is_unknown),
    )
    for check in checks:
        yield from check
    if not truncated:
        yield from _compared("orders", orders_of(books), tables.orders, lambda order_id, _: is_forgotten(order_id))


def is_done_with(books: Books, order_id: str) -> bool:
    """Whether none of its lines holds units."""
    order = books.orders.get(order_id)
    return order is not None and all(line.batch_ref is None for line in order.lines.values())


def batches_of(books: Books) -> dict[str, BatchRow]:
    """Return the batches as rows."""
    return {ref: BatchRow(b.sku, b.eta, b.created[1], b.purchased, b.allocated) for ref, b in books.batches.items()}


def orders_of(books: Books) -> dict[str, OrderRow]:
    """Return the orders as rows, those whose message is known."""
    known = ((order_id, order, order.content) for order_id, order in books.orders.items())
    return {i: OrderRow(content[1], content[2], order.cancelled) for i, order, content in known if content}


def lines_of(books: Books) -> dict[tuple[str, int], LineRow]:
    """Return the lines as rows."""
    return {
        (line.order_id, line.index): LineRow(line.sku, line.qty, line.status, line.version, line.batch_ref)
        for order in books.orders.values()
        for line in order.lines.values()
    }


def _compared(
    table: str, due: Mapping[Any, Any], found: Mapping[Any, Any], leave: Callable[[Any, Any], bool]
) -> Iterator[Violation]:
    for key, row in due.items():
        if found.get(key) != row and not leave(key, row):
            there = written(found[key]) if key in found else "missing"
            yield Violation("table", f"{table} {key}: {there} where the events add up to {written(row)}")
    for key, row in found.items():
        if key not in due and not leave(key, row):
            yield Violation("table", f"{table} {key}: {written(row)}, of which no event tells")


def _sums(tables: Tables) -> Iterator[Violation]:
    """What a batch has allocated is what its lines hold, and no more than it has: that is so without any event."""
    held: Counter[str] = Counter()
    for line in tables.lines.values():
        if line.batch_ref is not None:
            held[line.batch_ref] += line.qty
    for ref, batch in tables.batches.items():
        if held[ref] != batch.allocated:
            yield Violation("table", f"batches {ref}: {batch.allocated} allocated, and its lines hold {held[ref]}")
        if batch.allocated > batch.purchased:
            yield Violation("table", f"batches {ref}: {batch.allocated} of {batch.purchased} allocated")


def written(row: Any) -> str:
    """Return a row as people read it."""
    fields = getattr(row, "_asdict", None)
    return ", ".join(f"{name} {value}" for name, value in fields().items()) if fields else f"version {row}"
