"""Holds what a peer left behind, tables and events, against the orders that it was sent and against its guarantee."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import NamedTuple

SHOWN = 5
"""Violations of one kind that are named; of the others only the number."""


class Promise(NamedTuple):
    """What a stop in mid-work may do to what a peer has in hand; nothing, where it promises exactly once."""

    in_hand: int = 0
    """Orders whose events may be missing, or there twice."""

    loses_orders: bool = False
    """Whether as many may be consumed and not be kept."""


class Ordered(NamedTuple):
    """An order as it was sent: where it lies in the input, SKU and quantity of each line."""

    partition: int
    offset: int
    lines: Sequence[tuple[str, int]]


class Line(NamedTuple):
    """A line as the tables have it."""

    order_id: str
    line: int
    sku: str
    qty: int
    batch_ref: str | None


class Batch(NamedTuple):
    """A batch as the tables have it."""

    ref: str
    sku: str
    eta: date | None
    purchased: int
    allocated: int

    @property
    def free(self) -> int:
        """What nobody has."""
        return self.purchased - self.allocated


class Result(NamedTuple):
    """All that there is when a peer has stopped."""

    ordered: Mapping[str, Ordered]
    consumed: Mapping[int, int]
    """By partition of the input: the offset that it would go on with."""

    lines: Sequence[Line]
    batches: Sequence[Batch]
    events: Sequence[Line]
    """In the order of each partition of the output."""

    versions: Sequence[tuple[str, int]]
    """SKU and version of each event, in the same order."""

    pending: Sequence[Line]
    """Events that are safe and not yet published."""


def judge(result: Result, promise: Promise) -> list[str]:
    """Return what is wrong, a line each; nothing when all is as promised."""
    kinds = {
        "not in the tables": tolerated(missing_orders(result), promise.in_hand if promise.loses_orders else 0),
        "not as ordered": wrong_orders(result),
        "stock": wrong_stock(result),
        "preference": wrong_preference(result),
        "contradicted by an event": contradictions(result),
        "without all its events": tolerated(silent_orders(result), promise.in_hand),
        "told twice": tolerated(doubled_orders(result), promise.in_hand),
        "out of order": [] if promise.in_hand else leaps(result),
    }
    found = [line for kind, wrong in kinds.items() for line in shown(kind, list(wrong))]
    return found if result.lines else [*found, "nothing was allocated"]


def shown(kind: str, wrong: Sequence[str]) -> Iterator[str]:
    """Yield the first few, and how many more there are."""
    yield from (f"{kind}: {what}" for what in islice(wrong, SHOWN))
    if len(wrong) > SHOWN:
        yield f"{kind}: {len(wrong) - SHOWN} more"


def tolerated(wrong: Iterator[str], count: int) -> Sequence[str]:
    """Return them, unless they are as few as may be."""
    found = list(wrong)
    return found if len(found) > count else []


def missing_orders(result: Result) -> Iterator[str]:
    """Yield those that were consumed, and of which the tables know nothing."""
    kept = {line.order_id for line in result.lines}
    for order_id, order in result.ordered.items():
        if order.offset < result.consumed.get(order.partition, 0) and order_id not in kept:
            yield order_id


def wrong_orders(result: Result) -> Iterator[str]:
    """Yield those whose lines in the tables are not those that were ordered."""
    kept: dict[str, dict[int, tuple[str, int]]] = {}
    for line in result.lines:
        kept.setdefault(line.order_id, {})[line.line] = line.sku, line.qty
    for order_id, lines in kept.items():
        order = result.ordered.get(order_id)
        if order is None or lines != dict(enumerate(order.lines)):
            yield order_id


def wrong_stock(result: Result) -> Iterator[str]:
    """Yield batches that have given more than they have, or something else than their lines got."""
    given = Counter[str | None]()
    for line in result.lines:
        given[line.batch_ref] += line.qty
    for batch in result.batches:
        if batch.free < 0 or batch.allocated != given[batch.ref]:
            yield f"{batch.ref}: {batch.allocated} of {batch.purchased} allocated, its lines have {given[batch.ref]}"


def wrong_preference(result: Result) -> Iterator[str]:
    """Yield lines that got less than the best: what is free in the end was free all the time, for nothing came back."""
    ranked = sorted(result.batches, key=lambda batch: (batch.sku, batch.eta or date.min, batch.ref))
    of_sku: dict[str, list[Batch]] = {}
    for batch in ranked:
        of_sku.setdefault(batch.sku, []).append(batch)
    for line in result.lines:
        better = next((b for b in of_sku.get(line.sku, []) if b.ref == line.batch_ref or b.free >= line.qty), None)
        if (better and better.ref) != line.batch_ref:
            yield f"{line.order_id}/{line.line} has {line.batch_ref}, not {better and better.ref}"


def contradictions(result: Result) -> Iterator[str]:
    """Yield events of which the tables know nothing, or something else."""
    kept = {*result.lines}
    yield from (f"{e.order_id}/{e.line}" for e in (*result.events, *result.pending) if e not in kept)


def silent_orders(result: Result) -> Iterator[str]:
    """Yield those of which a line has no event."""
    told = {*result.events, *result.pending}
    yield from dict.fromkeys(line.order_id for line in result.lines if line not in told)


def doubled_orders(result: Result) -> Iterator[str]:
    """Yield those of which an event is there more than once."""
    times = Counter((event.order_id, event.line) for event in result.events)
    yield from dict.fromkeys(order_id for (order_id, _), count in times.items() if count > 1)


def leaps(result: Result) -> Iterator[str]:
    """Yield events whose version is not the one that follows."""
    latest = Counter[str]()
    for sku, version in result.versions:
        if version != latest[sku] + 1:
            yield f"{sku}/{version} follows {latest[sku]}"
        latest[sku] = version
