"""Made-up batches and orders, the same for the same seed. YOURS: messages as your own service gets them."""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import product

import msgspec

from python_app_template.adapters.wire.messages import BatchCreated, Line, OrderPlaced
from python_app_template.cli.story.keys import Keyed

COLOURS = ("RED", "BLUE", "GREEN", "BLACK", "WHITE", "AMBER", "GREY", "OAK")
THINGS = ("TABLE", "SHELF", "CLOCK", "STOOL", "DESK", "VASE", "BENCH", "RUG")
SKUS = [f"{colour}-{thing}" for thing, colour in product(THINGS, COLOURS)]

UNITS_PER_ORDER = 5
"""About what an order takes, all its lines together: a little more than there is, so that some lines go without."""

SEEDED_AT = datetime(2026, 1, 1, tzinfo=UTC)
"""The time that seeded ids are made of."""


class Samples:
    """As many orders as asked for, and the batches that they are allocated to."""

    def __init__(self, orders: int, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - nothing is kept secret by it
        self._made_at = SEEDED_AT if seed is not None else datetime.now(UTC)
        self.count = orders
        self._skus = SKUS[: max(4, min(len(SKUS), orders // 50))]
        self._series = f"{self._random.getrandbits(32):08x}"

    def batches(self) -> list[BatchCreated]:
        """Return, for each SKU, a batch in the warehouse and one on a ship."""
        units = max(10, self.count * UNITS_PER_ORDER // (2 * len(self._skus)))
        eta = self._made_at.date() + timedelta(days=14)
        return [batch for sku in self._skus for batch in self._batches(sku, units, eta)]

    def orders(self) -> Iterator[OrderPlaced]:
        """Make the orders up one after the other."""
        for number in range(self.count):
            yield OrderPlaced(str(self._uuid7(number)), self._lines())

    def _batches(self, sku: str, units: int, eta: date) -> Iterator[BatchCreated]:
        yield BatchCreated(f"warehouse-{self._series}-{sku}", sku, units)
        yield BatchCreated(f"ship-{self._series}-{sku}", sku, units, eta)

    def _lines(self) -> list[Line]:
        count = self._random.choices((1, 2, 3), (5, 3, 2))[0]
        return [Line(sku, self._random.randint(1, 5)) for sku in self._random.sample(self._skus, count)]

    def _uuid7(self, number: int) -> uuid.UUID:
        """RFC 9562, section 5.7: milliseconds, version 7, the rest random; a millisecond passes with each."""
        milliseconds = int(self._made_at.timestamp() * 1000) + number
        random_bits = self._random.getrandbits(74)
        high, low = random_bits >> 62, random_bits & (1 << 62) - 1
        return uuid.UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 0b10 << 62 | low)


def message(body: BatchCreated | OrderPlaced) -> Keyed:
    """Return the message with its key."""
    key = body.order_id if isinstance(body, OrderPlaced) else body.batch_ref
    return key.encode(), msgspec.json.encode(body)
