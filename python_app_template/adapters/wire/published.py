"""Records of `allocations` to events again, for who keeps a copy of stock. YOURS: what the copy needs of each type."""

from datetime import date
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from python_app_template.core.domain import events
from python_app_template.core.domain.events import Event, WhyDeallocated


class _Numbered(Struct):
    sku: str
    version: int


class _BatchCreated(_Numbered, tag="batch.created"):
    batch_ref: str
    qty: int
    eta: date | None


class _BatchQuantityChanged(_Numbered, tag="batch.quantity_changed"):
    batch_ref: str
    qty: int


class _LineAllocated(_Numbered, tag="line.allocated"):
    order_id: str
    line: int
    qty: int
    batch_ref: str
    eta: date | None


class _LineDeallocated(_Numbered, tag="line.deallocated"):
    order_id: str
    line: int
    qty: int
    batch_ref: str
    reason: WhyDeallocated


class _LineOutOfStock(_Numbered, tag="line.out_of_stock"):
    order_id: str
    line: int
    qty: int


_Known: TypeAlias = _BatchCreated | _BatchQuantityChanged | _LineAllocated | _LineDeallocated | _LineOutOfStock

_decode: Final = msgspec.json.Decoder(_Known).decode


def decode(value: bytes) -> Event | None:
    """Return the event; None for one that belongs to no SKU's numbered events, or that this version does not know.

    One of a SKU that is passed over shows as a gap in its versions.
    """
    try:
        body: _Known = _decode(value)
    except msgspec.DecodeError:
        return None
    sku, version = body.sku, body.version
    match body:
        case _LineAllocated():
            return events.LineAllocated(sku, version, body.order_id, body.line, body.qty, body.batch_ref, body.eta)
        case _LineOutOfStock():
            return events.LineOutOfStock(sku, version, body.order_id, body.line, body.qty)
        case _LineDeallocated():
            return events.LineDeallocated(sku, version, body.order_id, body.line, body.qty, body.batch_ref, body.reason)
        case _BatchCreated():
            return events.BatchCreated(sku, version, body.batch_ref, body.qty, body.eta)
        case _BatchQuantityChanged():
            return events.BatchQuantityChanged(sku, version, body.batch_ref, body.qty)
