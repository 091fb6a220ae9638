"""What is out of stock, and the digest that tells a person of it: the first lines, and the totals of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

MOST_LISTED = 200
"""Lines that a digest names one by one; the others are only counted, however many there are."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """A line of an order that no batch could take; `line` is its index in the order, from 0."""

    sku: str
    order_id: str
    line: int
    qty: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Digest:
    """Shortages in the order in which they were heard of. It never grows beyond `MOST_LISTED` of them."""

    listed: tuple[Shortage, ...] = ()
    lines: int = 0
    units: int = 0

    @property
    def unlisted(self) -> int:
        """How many lines are only counted."""
        return self.lines - len(self.listed)

    def extended(self, more: Sequence[Shortage]) -> "Digest":
        """Return this one and these."""
        room = MOST_LISTED - len(self.listed)
        units = self.units + sum(shortage.qty for shortage in more)
        return Digest((*self.listed, *more[:room]), self.lines + len(more), units)
