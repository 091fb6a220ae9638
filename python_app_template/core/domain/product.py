"""A SKU with its batches: which batch a line gets, and what happens when there is less than was promised."""

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from python_app_template.core.domain.commands import CreateBatch
from python_app_template.core.domain.events import (
    BatchCreated,
    BatchQuantityChanged,
    Event,
    LineAllocated,
    LineDeallocated,
    LineOutOfStock,
    WhyDeallocated,
)
from python_app_template.core.domain.order import LineStatus, OrderLine


@dataclass(slots=True)
class Batch:
    """Units of one SKU. How many are allocated is a count: a batch never has all its lines."""

    batch_ref: str
    sku: str
    eta: date | None
    created_qty: int
    purchased: int
    allocated: int = 0
    latest: list[OrderLine] = field(default_factory=list)
    """The lines of it that are in hand, by version: as many of the latest as may have to come off."""

    @classmethod
    def create(cls, command: CreateBatch) -> "Batch":
        """Make a batch that has all its units."""
        return cls(command.batch_ref, command.sku, command.eta, command.qty, command.qty)

    def created_by(self) -> CreateBatch:
        """What it was created as, whatever its quantity became."""
        return CreateBatch(self.batch_ref, self.sku, self.created_qty, self.eta)


def preference(batch: Batch) -> tuple[int, str]:
    """Warehouse stock first, then the earliest `eta`, then the smaller reference, by code point."""
    return batch.eta.toordinal() if batch.eta else 0, batch.batch_ref


class Product:
    """The aggregate: every change to the SKU's batches and lines goes through it and moves its version by one."""

    __slots__ = ("_batches", "_first_fit", "sku", "version")

    def __init__(self, sku: str, version: int = 0, batches: Iterable[Batch] = ()) -> None:
        self.sku = sku
        self.version = version
        self._batches = sorted(batches, key=preference)
        # Where the search for a quantity ended last. No batch before that place has so much free,
        # until units come free; so a line costs one look, however many batches are used up.
        self._first_fit: dict[int, int] = {}

    def add(self, batch: Batch) -> BatchCreated:
        """Make a new batch known; a SKU's first makes the SKU known."""
        insort(self._batches, batch, key=preference)
        self._first_fit.clear()
        self.version += 1
        return BatchCreated(self.sku, self.version, batch.batch_ref, batch.purchased, batch.eta)

    def allocate(self, line: OrderLine) -> LineAllocated | LineOutOfStock:
        """Give the line, whole, to the batch that is preferred among those with as many units free."""
        qty = line.qty
        batch = self._first_with(qty)
        self.version = line.version = version = self.version + 1
        if batch is None:
            line.status = LineStatus.OUT_OF_STOCK
            return LineOutOfStock(self.sku, version, line.order_id, line.line, qty)
        batch.allocated += qty
        batch.latest.append(line)
        line.status, line.batch_ref = LineStatus.ALLOCATED, batch.batch_ref
        return LineAllocated(self.sku, version, line.order_id, line.line, qty, batch.batch_ref, batch.eta)

    def deallocate(self, line: OrderLine, batch: Batch, reason: WhyDeallocated) -> LineDeallocated:
        """Take the line's units back from the batch that it is allocated to."""
        batch.allocated -= line.qty
        self._first_fit.clear()
        self.version = line.version = self.version + 1
        line.status, line.batch_ref = LineStatus.DEALLOCATED, None
        return LineDeallocated(self.sku, self.version, line.order_id, line.line, line.qty, batch.batch_ref, reason)

    def change_quantity(self, batch: Batch, qty: int) -> list[Event]:
        """Take the latest lines off until the rest fits, then allocate each afresh, the earliest first."""
        batch.purchased = qty
        self._first_fit.clear()
        self.version += 1
        events: list[Event] = [BatchQuantityChanged(self.sku, self.version, batch.batch_ref, qty)]
        taken_off: list[OrderLine] = []
        while batch.allocated > qty:
            line = batch.latest.pop()
            if line.status is LineStatus.ALLOCATED:  # a cancelled order's line may still stand there
                events.append(self.deallocate(line, batch, "quantity_changed"))
                taken_off.append(line)
        events += map(self.allocate, reversed(taken_off))
        return events

    def _first_with(self, qty: int) -> Batch | None:
        batches = self._batches
        for place in range(self._first_fit.get(qty, 0), len(batches)):
            batch = batches[place]
            if batch.purchased - batch.allocated >= qty:
                self._first_fit[qty] = place
                return batch
        self._first_fit[qty] = len(batches)
        return None
