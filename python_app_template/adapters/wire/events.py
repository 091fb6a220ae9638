"""Events to records of `allocations`. YOURS: one struct for each type, its fields in the order of the JSON."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final, TypeAlias, get_args

import msgspec
from msgspec import Struct

from python_app_template.core.delivery.messages import Fact, Frame, Record
from python_app_template.core.domain import events
from python_app_template.core.domain.events import Event


class Cause(Struct, gc=False):
    """The place of the message that led to the event."""

    topic: str
    partition: int
    offset: int


class _Common(Struct, gc=False):
    id: str
    sku: str
    version: int
    occurred_at: str
    cause: Cause


class BatchCreated(_Common, tag="batch.created"):
    """A batch is known."""

    batch_ref: str
    qty: int
    eta: date | None


class BatchQuantityChanged(_Common, tag="batch.quantity_changed"):
    """Its purchased quantity changed."""

    batch_ref: str
    qty: int


class LineAllocated(_Common, tag="line.allocated"):
    """A line got its units."""

    order_id: str
    line: int
    qty: int
    batch_ref: str
    eta: date | None


class LineDeallocated(_Common, tag="line.deallocated"):
    """A line lost them."""

    order_id: str
    line: int
    qty: int
    batch_ref: str
    reason: str


class LineOutOfStock(_Common, tag="line.out_of_stock"):
    """No batch could take it."""

    order_id: str
    line: int
    qty: int


class LineRejected(_Common, tag="line.rejected"):
    """It can never be allocated."""

    order_id: str
    line: int
    qty: int
    reason: str


Body: TypeAlias = BatchCreated | BatchQuantityChanged | LineAllocated | LineDeallocated | LineOutOfStock | LineRejected

_ENCODE: Final = msgspec.json.Encoder().encode
_TYPES: Final = {body: str(body.__struct_config__.tag) for body in get_args(Body)}
EVENT_TYPES: Final = tuple(_TYPES.values())
_BODIES: Final[Mapping[type[Event], Callable[..., Body]]] = {getattr(events, b.__name__): b for b in _TYPES}
"""An event's struct bears its name, and after the common fields has the event's own, in their order."""
_NAMES: Final = {event: _TYPES[body] for event, body in _BODIES.items()}
_CE_SPECVERSION: Final = ("ce_specversion", b"1.0")
_CONTENT_TYPE: Final = ("content-type", b"application/json")


def name_of(event: type[Event]) -> str:
    """Return the `type` that these events have as records."""
    return _NAMES[event]


def encode(facts: Iterable[Fact[Event]], topic: str, source: str) -> Iterator[Frame]:
    """Yield each event as a CloudEvent in binary mode; `source` is the service's name.

    No other code takes so much of a worker's time, so what events have in common is made once: by type, and by cause,
    whose events stand together.
    """
    service = ("ce_source", source.encode())
    shared = {name: (("ce_type", name.encode()), service, _CONTENT_TYPE) for name in EVENT_TYPES}
    last: Record | None = None
    for event, record, occurred_at in facts:
        if record is not last:
            last, traceparent = record, _traceparent(record)
            cause = Cause(*record.partition, record.offset)
        name = _NAMES[type(event)]
        body = _body(event, _rfc3339(occurred_at), cause)
        headers = [_CE_SPECVERSION, ("ce_id", body.id.encode()), *shared[name], *traceparent]
        yield Frame(topic, body.sku.encode(), _ENCODE(body), headers, name)


def _body(event: Event, at: str, cause: Cause) -> Body:
    if type(event) is events.LineRejected:  # it belongs to no known SKU, so its order numbers it
        sku, order_id, line, qty = event
        return LineRejected(f"{order_id}/{line}/rejected", sku, 0, at, cause, order_id, line, qty, "unknown_sku")
    sku, version, *own = event
    return _BODIES[type(event)](f"{sku}/{version}", sku, version, at, cause, *own)


@lru_cache(maxsize=8)  # the facts of a batch share one instant
def _rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _traceparent(record: Record) -> list[tuple[str, bytes | None]]:
    """Return the header as it came; of several the last, which is the one that Kafka's clients read."""
    if not record.headers:
        return []
    return [header for header in record.headers if header[0] == "traceparent" and header[1] is not None][-1:]
