"""The demo's tale: what is sent, in which order, what has to come of it, and how both read in plain words."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal, NamedTuple

import msgspec

from python_app_template.adapters.wire import events, messages
from python_app_template.adapters.wire.messages import (
    BatchCreated,
    BatchQuantityChanged,
    Line,
    OrderCancelled,
    OrderPlaced,
)

Outcome = Literal["events", "nothing", "dead_letter"]


class Step(NamedTuple):
    """A message, and how many events, or what else, come of it."""

    message: messages.Body | bytes
    events: int = 0
    outcome: Outcome = "events"

    def value(self) -> bytes:
        """Return what is sent."""
        return self.message if isinstance(self.message, bytes) else msgspec.json.encode(self.message)


class Chapter(NamedTuple):
    """A heading and what happens below it."""

    title: str
    steps: Sequence[Step]


SKUS = ("RED-CHAIR", "BLUE-LAMP")
"""What the tale is about."""


def chapters(today: date) -> Sequence[Chapter]:
    """Return the tale. Each step is over before the next begins, so it always ends the same."""
    landing = today + timedelta(days=14)
    third = OrderPlaced("order-3", [Line("RED-CHAIR", 5)])
    wrong = b'{"type":"order.placed","order_id":"order-5","lines":[{"sku":"RED-CHAIR","qty":"two"}]}'
    return (
        Chapter(
            "Batches arrive: some in the warehouse, some still on a ship",
            (
                Step(BatchCreated("warehouse-1", "RED-CHAIR", 10), 1),
                Step(BatchCreated("ship-1", "RED-CHAIR", 10, landing), 1),
                Step(BatchCreated("warehouse-2", "BLUE-LAMP", 5), 1),
            ),
        ),
        Chapter(
            "Orders are placed: the warehouse gives first, then the ship",
            (
                Step(OrderPlaced("order-1", [Line("RED-CHAIR", 6), Line("BLUE-LAMP", 2)]), 2),
                Step(OrderPlaced("order-2", [Line("RED-CHAIR", 4)]), 1),
                Step(third, 1),
            ),
        ),
        Chapter(
            "More lamps are wanted than any batch has left: that line is out of stock",
            (Step(OrderPlaced("order-4", [Line("BLUE-LAMP", 4), Line("RED-CHAIR", 1)]), 2),),
        ),
        Chapter(
            "Fewer chairs came than were bought: the latest line moves to the ship",
            (Step(BatchQuantityChanged("warehouse-1", 7), 3),),
        ),
        Chapter("An order is cancelled and gives its units back", (Step(OrderCancelled("order-1"), 2),)),
        Chapter("The same order arrives once more: nothing happens twice", (Step(third, outcome="nothing"),)),
        Chapter(
            "A message that can't be applied goes to the dead letters, and holds nobody up",
            (Step(wrong, outcome="dead_letter"),),
        ),
    )


def told(message: messages.Body | bytes) -> tuple[str, str]:
    """Return a message's type, and what it says."""
    match message:
        case OrderPlaced():
            return "order.placed", f"{message.order_id}: " + ", ".join(f"{n.qty} {n.sku}" for n in message.lines)
        case OrderCancelled():
            return "order.cancelled", message.order_id
        case BatchCreated():
            return "batch.created", f"{message.batch_ref}: {message.qty} {message.sku}, {_where(message.eta)}"
        case BatchQuantityChanged():
            return "batch.quantity_changed", f"{message.batch_ref}: {message.qty}"
        case bytes():
            return "order.placed", 'order-5: "two" RED-CHAIR, where a number belongs'


def happened(event: events.Body) -> str:
    """Return what an event says."""
    match event:
        case events.BatchCreated():
            return f"{event.batch_ref}: {event.qty} {event.sku}, {_where(event.eta)}"
        case events.BatchQuantityChanged():
            return f"{event.batch_ref}: {event.qty} {event.sku} from now on"
        case events.LineAllocated():
            due = f", due {event.eta}" if event.eta else ""
            return f"{event.order_id}: {event.qty} {event.sku} from {event.batch_ref}{due}"
        case events.LineDeallocated():
            why = event.reason.replace("_", " ")
            return f"{event.order_id}: {event.qty} {event.sku} off {event.batch_ref}, {why}"
        case events.LineOutOfStock():
            return f"{event.order_id}: {event.qty} {event.sku}, which no batch has"
        case events.LineRejected():
            return f"{event.order_id}: {event.qty} {event.sku}, which nobody knows"


def _where(eta: date | None) -> str:
    return "in the warehouse" if eta is None else f"on a ship, due {eta}"
