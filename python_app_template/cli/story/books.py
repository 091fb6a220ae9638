"""The closing check: do the events alone tell of books that balance? Pure; it knows the contract, not the service."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

import msgspec

from python_app_template.adapters.wire.events import (
    BatchCreated,
    BatchQuantityChanged,
    Body,
    LineAllocated,
    LineDeallocated,
    LineOutOfStock,
    LineRejected,
)

LineId: TypeAlias = tuple[str, int]

decode = msgspec.json.Decoder(Body).decode
"""Read an event's value."""


@dataclass(slots=True)
class Batch:
    """What the events say of a batch."""

    ref: str
    sku: str
    purchased: int
    eta: date | None
    allocated: int = 0

    @property
    def free(self) -> int:
        """Units that are left."""
        return self.purchased - self.allocated


@dataclass(slots=True)
class Books:
    """What is left, and what can not be: a line for each."""

    batches: dict[str, Batch] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    versions: dict[str, int] = field(default_factory=dict)
    taken: dict[LineId, LineAllocated] = field(default_factory=dict)
    refused: set[LineId] = field(default_factory=set)

    def stock(self) -> Sequence[Batch]:
        """Return the batches, by SKU and in the order in which they are allocated."""
        return sorted(self.batches.values(), key=lambda b: (b.sku, b.eta is not None, b.eta or date.min, b.ref))


def balance(events: Iterable[Body]) -> Books:
    """Keep the books of all events since the first, a SKU's in the order in which its partition has them."""
    books = Books()
    for event in events:
        books.events[str(event.__struct_config__.tag)] += 1
        books.violations += [f"{event.id}: {what}" for what in (*_numbered(books, event), *_entered(books, event))]
    books.violations += _closed(books)
    return books


def _numbered(books: Books, event: Body) -> Iterator[str]:
    if isinstance(event, LineRejected):
        if event.version != 0 or event.id != f"{event.order_id}/{event.line}/rejected":
            yield f"a rejected line with version {event.version}"
        return
    expected = books.versions.get(event.sku, 0) + 1
    if event.version != expected or event.id != f"{event.sku}/{event.version}":
        yield f"version {event.version} where {expected} is due"
    books.versions[event.sku] = max(event.version, expected)


def _entered(books: Books, event: Body) -> Iterator[str]:
    match event:
        case BatchCreated():
            if event.batch_ref in books.batches:
                yield f"{event.batch_ref} created twice"
            books.batches[event.batch_ref] = Batch(event.batch_ref, event.sku, event.qty, event.eta)
        case BatchQuantityChanged():
            yield from _changed(books, event)
        case LineAllocated():
            yield from _allocated(books, event)
        case LineDeallocated():
            yield from _deallocated(books, event)
        case LineOutOfStock() | LineRejected():
            yield from _refused(books, event)


def _changed(books: Books, event: BatchQuantityChanged) -> Iterator[str]:
    batch = books.batches.get(event.batch_ref)
    if batch is None or batch.sku != event.sku:
        yield f"no batch {event.batch_ref} of {event.sku} to change"
    else:
        batch.purchased = event.qty


def _allocated(books: Books, event: LineAllocated) -> Iterator[str]:
    line, batch = (event.order_id, event.line), books.batches.get(event.batch_ref)
    if line in books.taken or line in books.refused:
        yield f"line {event.line} of {event.order_id} had its answer already"
    if batch is None or (batch.sku, batch.eta) != (event.sku, event.eta):
        yield f"no such batch: {event.batch_ref} of {event.sku}"
        return
    if event.qty > batch.free:
        yield f"{event.qty} units of {batch.ref}, which has {batch.free}"
    batch.allocated += event.qty
    books.taken[line] = event


def _deallocated(books: Books, event: LineDeallocated) -> Iterator[str]:
    held = books.taken.pop((event.order_id, event.line), None)
    if held is None or (held.batch_ref, held.qty) != (event.batch_ref, event.qty):
        yield f"line {event.line} of {event.order_id} does not hold {event.qty} units of {event.batch_ref}"
    elif held.batch_ref in books.batches:
        books.batches[held.batch_ref].allocated -= held.qty


def _refused(books: Books, event: LineOutOfStock | LineRejected) -> Iterator[str]:
    line = (event.order_id, event.line)
    if line in books.taken or line in books.refused:
        yield f"line {event.line} of {event.order_id} had its answer already"
    books.refused.add(line)


def _closed(books: Books) -> Iterator[str]:
    held: Counter[str] = Counter()
    for event in books.taken.values():
        held[event.batch_ref] += event.qty
    for batch in books.batches.values():
        if batch.free < 0 or held[batch.ref] != batch.allocated:
            yield f"{batch.ref}: {batch.purchased} bought, {batch.allocated} booked, {held[batch.ref]} held by lines"
