"""The domain: products are aggregates of their batches, batches know the lines that they have."""

from dataclasses import dataclass
from datetime import date

from tests.benchmark.peers.book.messages import Allocated, Event, OutOfStock


@dataclass(unsafe_hash=True)
class OrderLine:
    """So many of a SKU, for an order."""

    orderid: str
    number: int
    sku: str
    qty: int


class Batch:
    """Units that were bought together."""

    def __init__(self, reference: str, sku: str, qty: int, eta: date | None) -> None:
        self.reference = reference
        self.sku = sku
        self.eta = eta
        self._purchased_quantity = qty
        self._allocations = set[OrderLine]()

    def __lt__(self, other: "Batch") -> bool:
        return (self.eta or date.min, self.reference) < (other.eta or date.min, other.reference)

    def allocate(self, line: OrderLine) -> None:
        """Take the line; once, however often."""
        self._allocations.add(line)

    def can_allocate(self, line: OrderLine) -> bool:
        """Whether it has enough left."""
        return self.sku == line.sku and self.available_quantity >= line.qty

    @property
    def available_quantity(self) -> int:
        """What no line has."""
        return self._purchased_quantity - sum(line.qty for line in self._allocations)


class Product:
    """What is decided about together: all batches of a SKU. Whoever changes one raises the number."""

    def __init__(self, sku: str, batches: list[Batch], version_number: int = 0) -> None:
        self.sku = sku
        self.batches = batches
        self.version_number = version_number
        self.events: list[Event] = []

    def allocate(self, line: OrderLine) -> None:
        """Give the line to the batch that is preferred."""
        batch = next((batch for batch in sorted(self.batches) if batch.can_allocate(line)), None)
        if batch is None:
            self.events.append(OutOfStock(line.orderid, line.number, line.sku, line.qty))
            return
        batch.allocate(line)
        self.version_number += 1
        self.events.append(Allocated(line.orderid, line.number, line.sku, line.qty, batch.reference, batch.eta))
