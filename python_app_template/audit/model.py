"""The contract, section 3, written again: message by message, simple and slow, without the service's code. Yours."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from python_app_template.audit.books import Batch, Books, Event, Line, Order
from python_app_template.audit.messages import DeadLetterError, check, known_type, microseconds, parse


class Received(NamedTuple):
    """A message; several stand in the order in which they were applied."""

    partition: int
    offset: int
    value: bytes | None


@dataclass
class Outcome:
    """What comes of one message: events, or a dead letter's reason, or nothing because it had been applied before.

    An event is its JSON object without `occurred_at`.
    """

    type: str = "other"
    events: list[Event] = field(default_factory=list)
    reason: str | None = None
    duplicate: bool = False


class DuplicateError(Exception):
    """Ends the judgement of a message: it was applied before."""


class Model(Books):
    """Says what has to come of a message, as the books stand."""

    def __init__(self, topic: str = "raw-push") -> None:
        super().__init__()
        self.topic = topic

    def run(self, received: Iterable[Received]) -> list[Outcome]:
        """Apply messages one after the other."""
        return [self.apply(one) for one in received]

    def apply(self, received: Received) -> Outcome:
        """Say what comes of a message, and enter it."""
        outcome, body = self.judge(received)
        for event in outcome.events:
            for wrong in self.enter(event):
                raise AssertionError(wrong)
        if body is not None and not outcome.duplicate:
            self.note(body)
        return outcome

    def judge(self, received: Received) -> tuple[Outcome, Any]:
        """Say what has to come of a message, and return what it says; None when it can't be applied."""
        outcome = Outcome()
        try:
            body = parse(received.value)
            outcome.type = known_type(body)
            check(body)
            draft = Draft(self, {"topic": self.topic, "partition": received.partition, "offset": received.offset})
            getattr(draft, outcome.type.replace(".", "_"))(body)
            outcome.events = draft.events
        except DeadLetterError as error:
            outcome.reason = str(error)
            return outcome, None
        except DuplicateError:
            outcome.duplicate = True
        return outcome, body

    def note(self, body: Any) -> None:
        """Keep what no event tells of a message that was applied."""
        match body["type"]:
            case "order.placed":
                self.orders[body["order_id"]].content = content_of(body)
            case "order.cancelled":
                self.orders[body["order_id"]].cancelled = True


class Draft:
    """What one message would do: the books stay as they are."""

    def __init__(self, books: Books, cause: Any) -> None:
        self.books, self.cause = books, cause
        self.events: list[Event] = []
        self.taken: Counter[str] = Counter()
        self.purchased: dict[str, int] = {}
        self.versions: dict[str, int] = {}

    def order_placed(self, body: Any) -> None:
        """Allocate its lines, in their order."""
        if (order := self.books.orders.get(body["order_id"])) is not None:
            repeated(content_of(body), order.content)
        for index, line in enumerate(body["lines"]):
            self.allocate(Line(body["order_id"], index, line["sku"], line["qty"]))

    def order_cancelled(self, body: Any) -> None:
        """Take its lines off, by ascending number."""
        order = self.books.orders.get(body["order_id"])
        if order is None:
            raise DeadLetterError("unknown_order")
        if order.cancelled:
            raise DuplicateError
        for _, line in sorted(order.lines.items()):
            if line.status == "allocated":
                self.deallocate(line, "order_cancelled")

    def batch_created(self, body: Any) -> None:
        """Make a batch known."""
        ref, sku, qty, eta = body["batch_ref"], body["sku"], body["qty"], body.get("eta")
        if ref in self.books.batches:
            repeated((sku, qty, eta), self.books.batches[ref].created)
        self.tell("batch.created", sku, batch_ref=ref, qty=qty, eta=eta)

    def batch_quantity_changed(self, body: Any) -> None:
        """Change it; take off what no longer fits, latest first; place that again, earliest first."""
        batch = self.books.batches.get(body["batch_ref"])
        if batch is None:
            raise DeadLetterError("unknown_batch")
        if batch.purchased == body["qty"]:
            raise DuplicateError
        self.purchased[batch.batch_ref] = body["qty"]
        self.tell("batch.quantity_changed", batch.sku, batch_ref=batch.batch_ref, qty=body["qty"])
        off: list[Line] = []
        latest = reversed(batch.lines.values())
        while self.free(batch) < 0 and (line := next(latest, None)) is not None:
            off.append(line)
            self.deallocate(line, "quantity_changed")
        for line in reversed(off):
            self.allocate(line)

    def allocate(self, line: Line) -> None:
        """Give a line the units of one batch, or say why not."""
        about = {"order_id": line.order_id, "line": line.index, "qty": line.qty}
        if line.sku not in self.books.versions:
            identity = {"id": f"{line.order_id}/{line.index}/rejected", "sku": line.sku, "version": 0}
            event = {"type": "line.rejected", **identity, "cause": self.cause, **about, "reason": "unknown_sku"}
            self.events.append(event)
            return
        batch = self.preferred(line)
        if batch is None:
            self.tell("line.out_of_stock", line.sku, **about)
        else:
            self.taken[batch.batch_ref] += line.qty
            self.tell("line.allocated", line.sku, **about, batch_ref=batch.batch_ref, eta=batch.eta)

    def deallocate(self, line: Line, reason: str) -> None:
        """Take a line off the batch that has it."""
        about = {"order_id": line.order_id, "line": line.index, "qty": line.qty, "batch_ref": line.batch_ref}
        self.taken[line.batch_ref or ""] -= line.qty
        self.tell("line.deallocated", line.sku, **about, reason=reason)

    def preferred(self, line: Line) -> Batch | None:
        """Return the batch that the rule takes: with room, in the warehouse, else due first, else smaller by name."""
        batches = self.books.batches
        touched = (batches[ref] for ref in (*self.taken, *self.purchased) if ref in batches)
        freed = (b for b in touched if not b.open and b.sku == line.sku and self.free(b) >= line.qty)
        shelved = (batches[ref] for *_, ref in self.books.shelves.get(line.sku, ()))
        first = next((b for b in shelved if self.free(b) >= line.qty), None)
        return min(filter(None, (first, *freed)), key=lambda batch: batch.preference, default=None)

    def free(self, batch: Batch) -> int:
        """Return how many of its units are left by now."""
        purchased = self.purchased.get(batch.batch_ref, batch.purchased)
        return purchased - batch.allocated - self.taken[batch.batch_ref]

    def tell(self, name: str, sku: str, **about: object) -> None:
        """Add an event with the SKU's next version."""
        version = self.versions[sku] = self.versions.get(sku, self.books.versions.get(sku, 0)) + 1
        identity = {"id": f"{sku}/{version}", "sku": sku, "version": version}
        self.events.append({"type": name, **identity, "cause": self.cause, **about})


def content_of(body: Any) -> tuple[Any, ...]:
    """Return what makes an order the same as another of its id."""
    placed_at = body.get("placed_at")
    lines = [(line["sku"], line["qty"]) for line in body["lines"]]
    return lines, body.get("customer_id"), None if placed_at is None else microseconds(placed_at)


def repeated(content: object, first: object) -> None:
    """Raise DuplicateError, or DeadLetterError for a conflict."""
    if content == first:
        raise DuplicateError
    raise DeadLetterError("conflict")


__all__ = ["Batch", "Line", "Model", "Order", "Outcome", "Received"]
