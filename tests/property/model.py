"""The contract, sections 2 to 5, written again: message by message, simple and slow, without the service's code.

What it says came of a message is held against the domain here, and against the running service elsewhere.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

DEPTH = 128
IDS = {"order_id", "batch_ref", "sku", "customer_id"}
MICROSECOND = 1_000_000


class Received(NamedTuple):
    """A record of `raw-push`; a list of them stands in the order in which they were applied."""

    partition: int
    offset: int
    value: bytes | None


@dataclass
class Outcome:
    """What came of one message: events, or a dead letter's reason, or nothing because it had been applied before."""

    type: str = "other"
    events: list[dict[str, Any]] = field(default_factory=list)
    reason: str | None = None
    duplicate: bool = False


class DeadLetterError(Exception):
    """Ends the judgement of a message with its reason."""


class DuplicateError(Exception):
    """Ends it because the message was applied before."""


@dataclass
class Batch:
    batch_ref: str
    sku: str
    created: tuple[Any, ...]
    purchased: int
    eta: str | None


@dataclass
class Line:
    order_id: str
    index: int
    sku: str
    qty: int
    status: str = "rejected"
    batch_ref: str | None = None
    version: int = 0


@dataclass
class Order:
    content: tuple[Any, ...]
    lines: list[Line]
    cancelled: bool = False


class Model:
    """Apply messages one by one; an event is its JSON object without `occurred_at`."""

    def __init__(self, topic: str = "raw-push") -> None:
        self.topic = topic
        self.versions: dict[str, int] = {}
        self.batches: dict[str, Batch] = {}
        self.orders: dict[str, Order] = {}

    def run(self, received: Iterable[Received]) -> list[Outcome]:
        return [self.apply(one) for one in received]

    def apply(self, received: Received) -> Outcome:
        outcome = Outcome()
        cause = {"topic": self.topic, "partition": received.partition, "offset": received.offset}
        try:
            body = parse(received.value)
            outcome.type = known_type(body)
            check(body)
            effects = getattr(self, outcome.type.replace(".", "_"))(body)
            outcome.events = [{**head, "cause": cause, **rest} for head, rest in effects]
        except DeadLetterError as error:
            outcome.reason = str(error)
        except DuplicateError:
            outcome.duplicate = True
        return outcome

    def allocated(self, batch_ref: str) -> int:
        return sum(line.qty for line in self.lines_of(batch_ref))

    def lines_of(self, batch_ref: str) -> list[Line]:
        """Latest first."""
        every = [line for order in self.orders.values() for line in order.lines if line.batch_ref == batch_ref]
        return sorted(every, key=lambda line: -line.version)

    def order_placed(self, body: dict[str, Any]) -> list[Any]:
        order_id, lines = body["order_id"], [(line["sku"], line["qty"]) for line in body["lines"]]
        placed_at = body.get("placed_at")
        content = (lines, body.get("customer_id"), None if placed_at is None else microseconds(placed_at))
        if order_id in self.orders:
            self.repeated(content, self.orders[order_id].content)
        order = Order(content, [Line(order_id, i, sku, qty) for i, (sku, qty) in enumerate(lines)])
        self.orders[order_id] = order
        return [self.allocate(line) for line in order.lines]

    def order_cancelled(self, body: dict[str, Any]) -> list[Any]:
        if body["order_id"] not in self.orders:
            raise DeadLetterError("unknown_order")
        order = self.orders[body["order_id"]]
        if order.cancelled:
            raise DuplicateError
        order.cancelled = True
        return [self.deallocate(line, "order_cancelled") for line in order.lines if line.batch_ref is not None]

    def batch_created(self, body: dict[str, Any]) -> list[Any]:
        ref, sku, qty, eta = body["batch_ref"], body["sku"], body["qty"], body.get("eta")
        if ref in self.batches:
            self.repeated((sku, qty, eta), self.batches[ref].created)
        self.batches[ref] = Batch(ref, sku, (sku, qty, eta), qty, eta)
        return [self.event("batch.created", sku, batch_ref=ref, qty=qty, eta=eta)]

    def batch_quantity_changed(self, body: dict[str, Any]) -> list[Any]:
        if body["batch_ref"] not in self.batches:
            raise DeadLetterError("unknown_batch")
        batch = self.batches[body["batch_ref"]]
        if batch.purchased == body["qty"]:
            raise DuplicateError
        batch.purchased = body["qty"]
        events = [
            self.event("batch.quantity_changed", batch.sku, batch_ref=batch.batch_ref, qty=body["qty"]),
        ]
        off = []
        while self.allocated(batch.batch_ref) > batch.purchased:
            off.append(self.lines_of(batch.batch_ref)[0])
            events.append(self.deallocate(off[-1], "quantity_changed"))
        return events + [self.allocate(line) for line in reversed(off)]

    def repeated(self, content: object, first: object) -> None:
        if content == first:
            raise DuplicateError
        raise DeadLetterError("conflict")

    def allocate(self, line: Line) -> Any:
        if line.sku not in self.versions:
            about = {"order_id": line.order_id, "line": line.index, "qty": line.qty, "reason": "unknown_sku"}
            identity = f"{line.order_id}/{line.index}/rejected"
            return {"type": "line.rejected", "id": identity, "sku": line.sku, "version": 0}, about
        able = [
            batch
            for batch in self.batches.values()
            if batch.sku == line.sku and batch.purchased - self.allocated(batch.batch_ref) >= line.qty
        ]
        if not able:
            line.status = "out_of_stock"
            event = self.event("line.out_of_stock", line.sku, order_id=line.order_id, line=line.index, qty=line.qty)
        else:
            best = min(able, key=lambda batch: (batch.eta is not None, batch.eta or "", batch.batch_ref))
            line.status, line.batch_ref = "allocated", best.batch_ref
            about = {"order_id": line.order_id, "line": line.index, "qty": line.qty}
            event = self.event("line.allocated", line.sku, **about, batch_ref=best.batch_ref, eta=best.eta)
        line.version = self.versions[line.sku]
        return event

    def deallocate(self, line: Line, reason: str) -> Any:
        about = {"order_id": line.order_id, "line": line.index, "qty": line.qty, "batch_ref": line.batch_ref}
        line.status, line.batch_ref = "deallocated", None
        return self.event("line.deallocated", line.sku, **about, reason=reason)

    def event(self, name: str, sku: str, **about: object) -> Any:
        version = self.versions[sku] = self.versions.get(sku, 0) + 1
        return {"type": name, "id": f"{sku}/{version}", "sku": sku, "version": version}, about


def parse(value: bytes | None) -> Any:
    """Raise DeadLetterError: `empty` or `undecodable`."""
    if value is None:
        raise DeadLetterError("empty")
    try:
        text = value.decode("utf-8", "strict")
        tree = json.loads(
            text,
            object_pairs_hook=Pairs,
            parse_constant=refuse,
            parse_int=lambda digits: int(digits[:20]),
        )
        return plain(tree, 0)
    except (ValueError, RecursionError) as error:
        raise DeadLetterError("undecodable") from error


class Pairs(list[tuple[str, Any]]):
    """An object as it is written, duplicate keys and all."""


def plain(tree: Any, depth: int) -> Any:
    if isinstance(tree, str):
        tree.encode("utf-8")  # a lone surrogate has no UTF-8
    if isinstance(tree, list):
        if depth == DEPTH:
            raise ValueError("too deep")
        if isinstance(tree, Pairs):
            return {plain(key, depth + 1): plain(value, depth + 1) for key, value in tree}
        return [plain(value, depth + 1) for value in tree]
    return tree


def refuse(constant: str) -> None:
    raise ValueError(constant)


def known_type(body: Any) -> str:
    """Raise DeadLetterError: `invalid` or `unknown_type`."""
    require(isinstance(body, dict) and isinstance(body.get("type"), str))
    name: str = body["type"]
    if name not in {"order.placed", "order.cancelled", "batch.created", "batch.quantity_changed"}:
        raise DeadLetterError("unknown_type")
    return name


def check(body: dict[str, Any]) -> None:
    """Raise DeadLetterError: `invalid`."""
    match body["type"]:
        case "order.placed":
            identifiers(body, "order_id")
            require(body.get("customer_id") is None or identifier(body["customer_id"]))
            require(body.get("placed_at") is None or microseconds(body["placed_at"]) is not None)
            lines = body.get("lines")
            require(isinstance(lines, list) and 1 <= len(lines) <= 100)
            for line in body["lines"]:
                require(isinstance(line, dict))
                identifiers(line, "sku")
                quantity(line, 1, 1_000_000)
        case "order.cancelled":
            identifiers(body, "order_id")
        case "batch.created":
            identifiers(body, "batch_ref", "sku")
            quantity(body, 0, 1_000_000_000)
            require(body.get("eta") is None or is_date(body["eta"]))
        case "batch.quantity_changed":
            identifiers(body, "batch_ref")
            quantity(body, 0, 1_000_000_000)


def require(truth: object) -> None:
    if not truth:
        raise DeadLetterError("invalid")


def identifiers(body: dict[str, Any], *names: str) -> None:
    for name in names:
        require(identifier(body.get(name)))


def identifier(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 64 and all(unicodedata.category(c) != "Cc" for c in value)


def quantity(body: dict[str, Any], least: int, most: int) -> None:
    require(type(body.get("qty")) is int and least <= body["qty"] <= most)


def is_date(value: object) -> bool:
    if not isinstance(value, str) or not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


INSTANT = re.compile(
    "([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})([.][0-9]+)?([Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def microseconds(value: object) -> int | None:
    """Count from the first day of year 1, in UTC; None for what is no instant of the years 1 to 9999."""
    match = INSTANT.fullmatch(value) if isinstance(value, str) else None
    if not match or not is_date(match[1]):
        return None
    hour, minute, second = int(match[2]), int(match[3]), int(match[4])
    away_hours, away_minutes = int(match[8] or 0), int(match[9] or 0)
    if hour > 23 or minute > 59 or second > 60 or away_hours > 23 or away_minutes > 59:
        return None
    ahead = (away_hours * 60 + away_minutes) * (-1 if match[7] == "-" else 1)
    days = date.fromisoformat(match[1]).toordinal()
    seconds = days * 86_400 + (hour * 60 + minute - ahead) * 60 + second
    if not date.min.toordinal() * 86_400 <= seconds < (date.max.toordinal() + 1) * 86_400:
        return None
    if second == 60 and not ends_half_a_year(seconds):
        return None
    return seconds * MICROSECOND + int(f"{(match[5] or '.')[1:7]:0<6}")


def ends_half_a_year(following: int) -> bool:
    """A leap second is the last of June or of December; here is the second after it."""
    days, rest = divmod(following, 86_400)
    after = date.fromordinal(days)
    return rest == 0 and (after.month, after.day) in {(1, 1), (7, 1)}
