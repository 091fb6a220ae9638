"""What events make of the stock that people are shown. Versions decide what applies; nothing is decided again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from python_app_template.core.domain.events import (
    BatchCreated,
    BatchQuantityChanged,
    Event,
    LineAllocated,
    LineDeallocated,
    LineRejected,
)
from python_app_template.core.domain.views import StockView


@dataclass(slots=True)
class Change:
    """A run of a SKU's events, folded; or (`base` is None) the whole SKU, in place of whatever is there."""

    sku: str
    base: int | None
    """The version that it applies to."""
    version: int
    """The version that it leads to."""
    etas: dict[str, date | None] = field(default_factory=dict)
    """Of each batch that is new."""
    purchased: dict[str, int] = field(default_factory=dict)
    """Of each batch that is new or changed, in units."""
    allocated: dict[str, int] = field(default_factory=dict)
    """By how many units each batch has more allocated; fewer, when it is below 0."""

    @classmethod
    def to(cls, stock: StockView) -> "Change":
        """Make a SKU what this view of it says."""
        whole = cls(stock.sku, None, stock.version)
        for batch in stock.batches:
            whole.etas[batch.batch_ref], whole.purchased[batch.batch_ref] = batch.eta, batch.purchased
            whole.allocated[batch.batch_ref] = batch.purchased - batch.available
        return whole

    def take(self, event: Event) -> None:
        """Add the next event."""
        self.version += 1
        match event:
            case LineAllocated(batch_ref=ref):
                self.allocated[ref] = self.allocated.get(ref, 0) + event.qty
            case LineDeallocated(batch_ref=ref):
                self.allocated[ref] = self.allocated.get(ref, 0) - event.qty
            case BatchQuantityChanged():
                self.purchased[event.batch_ref] = event.qty
            case BatchCreated():
                self.purchased[event.batch_ref], self.etas[event.batch_ref] = event.qty, event.eta


@dataclass(slots=True)
class Folded:
    """What comes of a stretch of events."""

    changes: dict[str, Change] = field(default_factory=dict)
    """By SKU; none leads nowhere."""
    gaps: set[str] = field(default_factory=set)
    """SKUs of which an event is missing before one that is there: they have to be looked up."""
    applied: int = 0
    dropped: int = 0
    """Events at or below the version that was there already."""


def fold(events: Iterable[Event], at: Mapping[str, int] | None = None) -> Folded:
    """Fold events by SKU; `at` has the version of each SKU as far as it is known, else its first event is the next.

    Only version = current + 1 applies, a smaller one is dropped, a greater one is a gap. A line that was rejected
    belongs to no known SKU, and says nothing about stock.
    """
    known = at or {}
    folded = Folded()
    changes = folded.changes
    for event in events:
        if isinstance(event, LineRejected):
            continue
        sku, version = event.sku, event.version
        change = changes.get(sku)
        if change is None:
            base = known.get(sku, version - 1)
            change = changes[sku] = Change(sku, base, base)
        if version == change.version + 1:
            change.take(event)
        elif version > change.version:
            folded.gaps.add(sku)
        else:
            folded.dropped += 1
    for sku in [sku for sku, change in changes.items() if change.version == change.base or sku in folded.gaps]:
        del changes[sku]
    folded.applied = sum(change.version - (change.base or 0) for change in changes.values())
    return folded
