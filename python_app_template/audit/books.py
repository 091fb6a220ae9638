"""Stock as the events tell of it: each event entered, one after the other. Yours."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Event: TypeAlias = dict[str, Any]
"""An event's JSON object."""

Preference: TypeAlias = tuple[bool, str, str]


@dataclass(slots=True)
class Line:
    """A line of an order, as its last event left it."""

    order_id: str
    index: int
    sku: str
    qty: int
    status: str = ""
    batch_ref: str | None = None
    version: int = 0
    cause: Any = None
    """Of its last event."""


@dataclass(slots=True)
class Batch:
    """Units of one SKU; `lines` are those allocated to it, by version and so in the order of their allocation."""

    batch_ref: str
    sku: str
    created: tuple[Any, ...]
    purchased: int
    eta: str | None
    allocated: int = 0
    lines: dict[int, Line] = field(default_factory=dict)
    open: bool = False

    @property
    def preference(self) -> Preference:
        """Return what stands first when it is to be taken first."""
        return self.eta is not None, self.eta or "", self.batch_ref


@dataclass(slots=True)
class Order:
    """An order; its content is None when only its events are known."""

    content: tuple[Any, ...] | None = None
    lines: dict[int, Line] = field(default_factory=dict)
    cancelled: bool = False


class Books:
    """Versions, batches, orders. `shelves`: by SKU the batches that have units free, in the order of preference."""

    def __init__(self) -> None:
        self.versions: dict[str, int] = {}
        self.batches: dict[str, Batch] = {}
        self.orders: dict[str, Order] = {}
        self.shelves: dict[str, list[Preference]] = {}

    def enter(self, event: Event) -> Iterator[str]:
        """Enter an event, and yield what is impossible about it."""
        if event["version"]:
            self.versions[event["sku"]] = event["version"]
        yield from getattr(self, "_" + event["type"].replace(".", "_"))(event)

    def allocated(self, batch_ref: str) -> int:
        """Return how many of a batch's units lines hold."""
        return self.batches[batch_ref].allocated

    def lines_of(self, batch_ref: str) -> list[Line]:
        """Return the lines that hold a batch's units, latest first."""
        return [*reversed(self.batches[batch_ref].lines.values())]

    def _batch_created(self, event: Event) -> Iterator[str]:
        ref, sku, qty, eta = event["batch_ref"], event["sku"], event["qty"], event["eta"]
        if ref in self.batches:
            yield f"{ref} is created twice"
        batch = self.batches[ref] = Batch(ref, sku, (sku, qty, eta), qty, eta)
        self._shelve(batch)

    def _batch_quantity_changed(self, event: Event) -> Iterator[str]:
        batch = self.batches.get(event["batch_ref"])
        if batch is None or batch.sku != event["sku"]:
            yield f"there is no batch {event['batch_ref']} of it"
        else:
            batch.purchased = event["qty"]
            self._shelve(batch)

    def _line_allocated(self, event: Event) -> Iterator[str]:
        line = self._line(event)
        if line.status and not self._is_moved(line, event):
            yield f"line {line.index} of {line.order_id} was {line.status} already"
        if line.batch_ref is not None:
            self._give_back(line)
        self._answer(line, "allocated", event)
        batch = self.batches.get(event["batch_ref"])
        if batch is None or (batch.sku, batch.eta) != (event["sku"], event["eta"]):
            yield f"there is no such batch: {event['batch_ref']} of {event['sku']}, due {event['eta']}"
            return
        line.batch_ref = batch.batch_ref
        batch.allocated += line.qty
        batch.lines[line.version] = line
        self._shelve(batch)

    def _line_deallocated(self, event: Event) -> Iterator[str]:
        line = self._line(event)
        if line.batch_ref is None or (line.batch_ref, line.qty) != (event["batch_ref"], event["qty"]):
            yield f"line {line.index} of {line.order_id} did not hold {event['qty']} units of {event['batch_ref']}"
        if line.batch_ref is not None:
            self._give_back(line)
        if event["reason"] == "order_cancelled":
            self.orders[line.order_id].cancelled = True
        self._answer(line, "deallocated", event)

    def _line_out_of_stock(self, event: Event) -> Iterator[str]:
        line = self._line(event)
        if line.status and not self._is_moved(line, event):
            yield f"line {line.index} of {line.order_id} was {line.status} already"
        self._answer(line, "out_of_stock", event)

    def _line_rejected(self, event: Event) -> Iterator[str]:
        line = self._line(event)
        if line.status:
            yield f"line {line.index} of {line.order_id} was {line.status} already"
        self._answer(line, "rejected", event)

    def _line(self, event: Event) -> Line:
        order = self.orders.setdefault(event["order_id"], Order())
        line = order.lines.get(event["line"])
        if line is None:
            line = order.lines[event["line"]] = Line(event["order_id"], event["line"], event["sku"], event["qty"])
        return line

    def _is_moved(self, line: Line, event: Event) -> bool:
        """Whether the same message took the line off, and now places it again."""
        return line.status == "deallocated" and line.cause == event["cause"]

    def _answer(self, line: Line, status: str, event: Event) -> None:
        line.status, line.version, line.cause = status, event["version"], event["cause"]

    def _give_back(self, line: Line) -> None:
        batch = self.batches[line.batch_ref or ""]
        batch.allocated -= line.qty
        batch.lines.pop(line.version, None)
        line.batch_ref = None
        self._shelve(batch)

    def _shelve(self, batch: Batch) -> None:
        """Put it where it is searched for, or take it away, as it has units free or none."""
        shelf, has_units = self.shelves.setdefault(batch.sku, []), batch.purchased > batch.allocated
        if has_units and not batch.open:
            insort(shelf, batch.preference)
        elif batch.open and not has_units:
            del shelf[bisect_left(shelf, batch.preference)]
        batch.open = has_units
