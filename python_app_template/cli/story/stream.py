"""A mixed stream of messages, the same for the same seed: good ones, the same again, and bad ones. YOURS."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from python_app_template.adapters.wire.messages import (
    BatchCreated,
    BatchQuantityChanged,
    Body,
    Line,
    OrderCancelled,
    OrderPlaced,
)
from python_app_template.cli.story.keys import keyed

SKUS = tuple(f"SKU-{number:02}" for number in range(12))
UNKNOWN_SKU = "NOBODYS"
LANDING = datetime(2026, 1, 1, tzinfo=UTC).date()
REMEMBERED = 400
"""Messages that later ones are about: nobody cancels an order of long ago."""

WEIGHTS = {"order": 56, "cancellation": 10, "quantity": 7, "batch": 5, "duplicate": 14, "malformed": 8}


class Sent(NamedTuple):
    """A message; its kind is a type of section 2, or says what is wrong with it, or that it is a duplicate."""

    kind: str
    key: bytes | None
    value: bytes | None


class Stream:
    """Makes messages up without end; counts what it gave, by kind."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - nothing is kept secret by it
        self._orders: list[OrderPlaced] = []
        self._batches: list[BatchCreated] = []
        self._given: list[Sent] = []
        self._number = 0
        self.kinds: Counter[str] = Counter()
        """What was given, by kind."""

    def __iter__(self) -> Iterator[Sent]:
        """Yield the first batch of each SKU, then everything mixed."""
        made: dict[str, Callable[[], Sent]] = {
            "order": self._order,
            "cancellation": self._cancellation,
            "quantity": self._quantity,
            "batch": lambda: self._batch(self._random.choice(SKUS)),
            "duplicate": self._duplicate,
            "malformed": self._malformed,
        }
        yield from (self._gave(self._batch(sku)) for sku in SKUS)
        yield self._gave(self._order())
        while True:
            (kind,) = self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))
            yield self._gave(made[kind]())

    def _gave(self, sent: Sent) -> Sent:
        self.kinds[sent.kind] += 1
        self._given = [*self._given[-REMEMBERED:], sent] if sent.value else self._given
        return sent

    def _next(self, what: str) -> str:
        self._number += 1
        return f"{what}-{self._number:06}"

    def _order(self) -> Sent:
        skus = self._random.choices([*SKUS, UNKNOWN_SKU], [*([20] * len(SKUS)), 5], k=self._random.choice((1, 1, 2, 3)))
        order = OrderPlaced(self._next("order"), [Line(sku, self._random.randint(1, 5)) for sku in skus])
        self._orders = [*self._orders[-REMEMBERED:], order]
        return _message(order)

    def _batch(self, sku: str) -> Sent:
        eta = self._random.choice((None, LANDING + timedelta(days=self._random.randint(0, 30))))
        batch = BatchCreated(self._next("batch"), sku, self._random.randint(20, 300), eta)
        self._batches = [*self._batches[-REMEMBERED:], batch]
        return _message(batch)

    def _cancellation(self) -> Sent:
        return _message(OrderCancelled(self._random.choice(self._orders).order_id))

    def _quantity(self) -> Sent:
        batch = self._random.choice(self._batches)
        return _message(BatchQuantityChanged(batch.batch_ref, self._random.randint(0, 300)))

    def _duplicate(self) -> Sent:
        return self._random.choice(self._given)._replace(kind="sent again")

    def _malformed(self) -> Sent:
        order, batch = self._random.choice(self._orders), self._random.choice(self._batches)
        key = self._next("bad").encode()
        return self._random.choice(
            (
                Sent("undecodable", key, b'{"type":'),
                Sent("invalid", key, b'{"type":"order.placed","order_id":"x","lines":[]}'),
                Sent("unknown_type", key, b'{"type":"order.returned","order_id":"x"}'),
                Sent("empty", key, None),
                _message(OrderPlaced(order.order_id, [Line(SKUS[0], 99)]))._replace(kind="conflict"),
                _message(BatchCreated(batch.batch_ref, batch.sku, 999, batch.eta))._replace(kind="conflict"),
                _message(OrderCancelled(key.decode()))._replace(kind="unknown_order"),
                _message(BatchQuantityChanged(key.decode(), 1))._replace(kind="unknown_batch"),
            )
        )


def _message(body: Body) -> Sent:
    key, value = keyed(msgspec.json.encode(body))
    return Sent(str(body.__struct_config__.tag), key, value)
