"""Commands and stock with defaults, and a service of the domain alone."""

from collections.abc import Sequence
from datetime import date

from python_app_template.core.delivery.messages import Refused
from python_app_template.core.delivery.outcomes import Decision, NoEffect
from python_app_template.core.domain.commands import (
    CancelOrder,
    ChangeBatchQuantity,
    Command,
    CreateBatch,
    Line,
    PlaceOrder,
)
from python_app_template.core.domain.events import Event
from python_app_template.core.domain.stock import Stock
from python_app_template.core.use_cases.handlers import HANDLERS
from python_app_template.core.use_cases.message_bus import MessageBus

SOON, LATER = date(2026, 12, 1), date(2027, 1, 1)

decide: MessageBus[Command, Stock, Event] = MessageBus(Command, HANDLERS)


def batch(ref: str = "batch", sku: str = "LAMP", qty: int = 100, eta: date | None = None) -> CreateBatch:
    return CreateBatch(ref, sku, qty, eta)


def order(order_id: str = "order", *lines: tuple[str, int]) -> PlaceOrder:
    return PlaceOrder(order_id, tuple(Line(sku, qty) for sku, qty in lines or [("LAMP", 1)]))


def change(ref: str = "batch", qty: int = 0) -> ChangeBatchQuantity:
    return ChangeBatchQuantity(ref, qty)


def cancel(order_id: str = "order") -> CancelOrder:
    return CancelOrder(order_id)


def stock_after(*commands: Command) -> Stock:
    stock = Stock()
    for command in commands:
        assert not isinstance(decide(command, stock), NoEffect | Refused)
    return stock


def events(decision: Decision[Event]) -> Sequence[Event]:
    assert not isinstance(decision, NoEffect | Refused)
    return decision


def where(decision: Decision[Event]) -> list[str | None]:
    """Name the batches that lines got; None for a line that got none."""
    return [getattr(event, "batch_ref", None) for event in events(decision)]
