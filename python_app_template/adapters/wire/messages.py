"""Messages of `raw-push` to commands. YOURS: one struct for each type, which the API takes as well.

Most records are plain JSON in ASCII and are decoded in one go. Whatever that refuses, or could not be sure of,
is read again with care: by the letter of RFC 8259, and to say precisely what is wrong with it.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from python_app_template.adapters.wire.instants import parse_instant
from python_app_template.adapters.wire.strict_json import MAX_DEPTH, control_character, parse
from python_app_template.core.delivery.messages import OTHER, Message, Record, Refused
from python_app_template.core.domain import commands
from python_app_template.core.domain.commands import Command

NO_CONTROLS: Final = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"
"""For documents; what decides is _without_controls."""
Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, extra_json_schema={"pattern": NO_CONTROLS})]
LineQty: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000)]
BatchQty: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Instant: TypeAlias = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class Line(Struct):
    """One line of an order."""

    sku: Id
    qty: LineQty


class OrderPlaced(Struct, tag="order.placed"):
    """An order is wished for."""

    order_id: Id
    lines: Annotated[list[Line], Meta(min_length=1, max_length=100)]
    customer_id: Id | None = None
    placed_at: Instant | None = None

    def command(self) -> Command:
        """Raise ValueError when `placed_at` is no instant."""
        lines = tuple([commands.Line(line.sku, line.qty) for line in self.lines])
        placed_at = None if self.placed_at is None else parse_instant(self.placed_at)
        return commands.PlaceOrder(self.order_id, lines, self.customer_id, placed_at)


class OrderCancelled(Struct, tag="order.cancelled"):
    """An order is to be cancelled."""

    order_id: Id

    def command(self) -> Command:
        """Return what it asks for."""
        return commands.CancelOrder(self.order_id)


class BatchCreated(Struct, tag="batch.created"):
    """Units were bought."""

    batch_ref: Id
    sku: Id
    qty: BatchQty
    eta: date | None = None

    def command(self) -> Command:
        """Return what it asks for."""
        return commands.CreateBatch(self.batch_ref, self.sku, self.qty, self.eta)


class BatchQuantityChanged(Struct, tag="batch.quantity_changed"):
    """The purchased quantity of a batch is to be another one."""

    batch_ref: Id
    qty: BatchQty

    def command(self) -> Command:
        """Return what it asks for."""
        return commands.ChangeBatchQuantity(self.batch_ref, self.qty)


Body: TypeAlias = OrderPlaced | OrderCancelled | BatchCreated | BatchQuantityChanged

BODIES: Final[Mapping[str, type[Body]]] = {
    "order.placed": OrderPlaced,
    "order.cancelled": OrderCancelled,
    "batch.created": BatchCreated,
    "batch.quantity_changed": BatchQuantityChanged,
}
_TYPES: Final = {body: name for name, body in BODIES.items()}
_DECODE: Final = msgspec.json.Decoder(Body).decode
_SHORT: Final = 2 * MAX_DEPTH
_MAX_DETAIL: Final = 1024


def decode(record: Record) -> Message[Command]:
    """Return the record's command, or why it holds none: `empty`, `undecodable`, `invalid` or `unknown_type`."""
    value = record.value
    if value is None:
        return _refused(record, OTHER, "empty", "the record has no value")
    if is_plain(value):
        try:
            return _message(record, _DECODE(value))
        except ValueError:  # what is wrong, and whether it is the first thing that is, careful reading tells
            pass
    return decode_carefully(record, value)


def is_plain(value: bytes) -> bool:
    """Tell whether the bytes hold nothing that msgspec judges otherwise than the contract does.

    That is: bad UTF-8 or lone surrogates where it skips a field, control characters, nesting (a level takes two bytes
    or more). Of a field given twice it takes the last; a second `type` that is another one it refuses.
    """
    return (
        (value.isascii() or _is_utf8_without_c1(value))
        and b"\\" not in value
        and b"\x7f" not in value
        and (len(value) <= _SHORT or value.count(b"[") + value.count(b"{") <= MAX_DEPTH)
    )


def _is_utf8_without_c1(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return b"\xc2" not in value  # the lead byte of U+0080 to U+00BF


def decode_carefully(record: Record, value: bytes) -> Message[Command]:
    """Judge in the contract's order: is it JSON, an object with a `type`, of a known one, as that type wants it."""
    try:
        body = parse(value)
    except ValueError as error:
        return _refused(record, OTHER, "undecodable", str(error))
    if not isinstance(body, dict):
        return _refused(record, OTHER, "invalid", f"$: expected object, got {_kind(body)}")
    name = body.get("type")
    if not isinstance(name, str):
        return _refused(record, OTHER, "invalid", f"$.type: expected str, got {_kind(name)}")
    if name not in BODIES:
        return _refused(record, OTHER, "unknown_type", f"{name!r} is none of {', '.join(BODIES)}")
    try:
        return _message(record, _without_controls(msgspec.convert(body, BODIES[name])))
    except ValueError as error:
        return _refused(record, name, "invalid", _readable(error))


def _message(record: Record, body: Body) -> Message[Command]:
    weight = len(body.lines) if type(body) is OrderPlaced else 1
    return Message(record, _TYPES[type(body)], body.command(), weight)


def _without_controls(body: Body) -> Body:
    if where := control_character(msgspec.to_builtins(body)):
        raise ValueError(f"Expected `str` without control characters - at `{where}`")
    return body


def _refused(record: Record, name: str, reason: str, detail: str) -> Message[Command]:
    line = detail.encode(errors="replace")[:_MAX_DETAIL].decode(errors="ignore")
    return Message(record, name, Refused(reason, line))


def _kind(value: object) -> str:
    names = {dict: "object", list: "array", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _readable(error: ValueError) -> str:
    """Put the path first: msgspec writes "Expected `int` >= 1 - at `$.lines[0].qty`"."""
    what, _, path = str(error).replace("`", "").partition(" - at ")
    return f"{path or '$'}: {what[0].lower()}{what[1:]}"
