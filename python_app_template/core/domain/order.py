"""An order: what was placed, and what became of each of its lines."""

from dataclasses import dataclass
from enum import StrEnum

from python_app_template.core.domain.commands import PlaceOrder
from python_app_template.core.domain.events import LineRejected


class LineStatus(StrEnum):
    """Where a line stands."""

    ALLOCATED = "allocated"
    DEALLOCATED = "deallocated"
    OUT_OF_STOCK = "out_of_stock"
    REJECTED = "rejected"


@dataclass(slots=True)
class OrderLine:
    """One line of an order, from 0. It changes exactly when its version does."""

    order_id: str
    line: int
    sku: str
    qty: int
    status: LineStatus = LineStatus.REJECTED  # until a product takes it up
    version: int = 0
    """Of the SKU's last event about this line."""
    batch_ref: str | None = None
    """Where its units are, while it is allocated."""

    def reject(self) -> LineRejected:
        """Leave it as it began: it can never be allocated."""
        return LineRejected(self.sku, self.order_id, self.line, self.qty)


@dataclass(slots=True)
class Order:
    """`placed` is its content, by which a repetition is told from a conflict. A cancelled order stays known."""

    placed: PlaceOrder
    lines: list[OrderLine]
    cancelled: bool = False

    @classmethod
    def place(cls, command: PlaceOrder) -> "Order":
        """Make an order whose lines are still to be decided."""
        order_id = command.order_id
        lines = [OrderLine(order_id, index, line.sku, line.qty) for index, line in enumerate(command.lines)]
        return cls(command, lines)

    def cancel(self) -> list[OrderLine]:
        """Cancel it, and name the lines that have units to give back, in their order."""
        self.cancelled = True
        return [line for line in self.lines if line.status is LineStatus.ALLOCATED]
