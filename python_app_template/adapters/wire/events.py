"""Events to records of `allocations`. YOURS: one struct for each type, its fields in the order of the JSON."""

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final, TypeAlias, get_args

import msgspec
from msgspec import Struct

from python_app_template.core.delivery.messages import Fact, Frame, Record
from python_app_template.core.domain import events
from python_app_template.core.domain.events import Event


class Cause(Struct):
    """The place of the message that led to the event."""

    topic: str
    partition: int
    offset: int


class _Common(Struct):
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
_NAMES: Final = {body.__name__: name for body, name in _TYPES.items()}
EVENT_TYPES: Final = tuple(_NAMES.values())
_CE_TYPES: Final = {name: ("ce_type", name.encode()) for name in _TYPES.values()}
_CE_SPECVERSION: Final = ("ce_specversion", b"1.0")
_CONTENT_TYPE: Final = ("content-type", b"application/json")


def type_of(event: Event) -> str:
    """Return the `type` that it has as a record; an event's struct bears its name."""
    return _NAMES[type(event).__name__]


def encode(fact: Fact[Event], topic: str, source: str) -> Frame:
    """Return the event as a CloudEvent in binary mode; `source` is the service's name."""
    record = fact.cause
    cause = Cause(record.partition.topic, record.partition.number, record.offset)
    body = _body(fact.event, _rfc3339(fact.occurred_at), cause)
    name = _TYPES[type(body)]
    headers = [
        _CE_SPECVERSION,
        ("ce_id", body.id.encode()),
        _CE_TYPES[name],
        ("ce_source", source.encode()),
        _CONTENT_TYPE,
        *_traceparent(record),
    ]
    return Frame(topic, body.sku.encode(), _ENCODE(body), headers, name)


def _body(e: Event, at: str, cause: Cause) -> Body:
    if isinstance(e, events.LineRejected):  # it belongs to no known SKU, so its order numbers it
        ref = f"{e.order_id}/{e.line}/rejected"
        return LineRejected(ref, e.sku, 0, at, cause, e.order_id, e.line, e.qty, "unknown_sku")
    sku, version, ref = e.sku, e.version, f"{e.sku}/{e.version}"
    match e:
        case events.LineAllocated():
            return LineAllocated(ref, sku, version, at, cause, e.order_id, e.line, e.qty, e.batch_ref, e.eta)
        case events.LineOutOfStock():
            return LineOutOfStock(ref, sku, version, at, cause, e.order_id, e.line, e.qty)
        case events.LineDeallocated():
            return LineDeallocated(ref, sku, version, at, cause, e.order_id, e.line, e.qty, e.batch_ref, e.reason)
        case events.BatchCreated():
            return BatchCreated(ref, sku, version, at, cause, e.batch_ref, e.qty, e.eta)
        case events.BatchQuantityChanged():
            return BatchQuantityChanged(ref, sku, version, at, cause, e.batch_ref, e.qty)


@lru_cache(maxsize=8)  # the facts of a batch share one instant
def _rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _traceparent(record: Record) -> list[tuple[str, bytes | None]]:
    """Return the header as it came; of several the last, which is the one that Kafka's clients read."""
    return [header for header in record.headers if header[0] == "traceparent" and header[1] is not None][-1:]
