"""What people are shown of orders and stock: read models, apart from what decides."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class LineView:
    """A line of an order. Units are with a batch while it is allocated, and only then."""

    line: int
    sku: str
    qty: int
    status: str
    """`allocated`, `out_of_stock`, `rejected` or `deallocated`."""
    batch_ref: str | None
    eta: date | None


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order as it now is; its lines in their order."""

    order_id: str
    customer_id: str | None
    placed_at: datetime | None
    status: str
    """`placed` or `cancelled`."""
    lines: tuple[LineView, ...]


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch and what is left of it, in units."""

    batch_ref: str
    purchased: int
    available: int
    eta: date | None


@dataclass(frozen=True, slots=True)
class StockView:
    """What is left of a SKU, after its event of that version; batches in the order in which they are allocated."""

    sku: str
    version: int
    available: int
    batches: tuple[BatchView, ...]
