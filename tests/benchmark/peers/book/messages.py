"""Commands and events."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Command:
    """Somebody wants something."""


@dataclass(frozen=True)
class Allocate(Command):
    orderid: str
    line: int
    sku: str
    qty: int


@dataclass(frozen=True)
class Event:
    """Something happened."""


@dataclass(frozen=True)
class Allocated(Event):
    orderid: str
    line: int
    sku: str
    qty: int
    batchref: str
    eta: date | None


@dataclass(frozen=True)
class OutOfStock(Event):
    orderid: str
    line: int
    sku: str
    qty: int
