"""The messages that the baseline is measured with. They never change: whoever changes them makes a new baseline."""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple, TypeAlias

from confluent_kafka import Producer

BLOCK: Final = 500
"""Messages of a block, which is one batch of the worker's."""

SKUS: Final = 1000
ZIPF: Final = 0.8
PURCHASED: Final = 300_000_000
FOR_SHORT: Final = 100
"""So many blocks may be asked for."""


class Sent(NamedTuple):
    """A record of `raw-push`."""

    key: bytes
    value: bytes


Block: TypeAlias = Sequence[Sent]


def stock() -> Block:
    """Enough of everything, but for what the mixed load wants short or sold out."""
    bodies = [
        _created(f"batch-{sku:04}-{number}", f"SKU-{sku:04}", PURCHASED, f"2030-01-0{number}" if number else None)
        for sku in range(SKUS)
        for number in range(3)
    ]
    bodies += [_created("sold-out", "SOLD-OUT", 0)]
    bodies += [_created(f"short-{number}", f"SHORT-{number}", 10) for number in range(FOR_SHORT)]
    return [_sent(body["batch_ref"], body) for body in bodies]


def orders(blocks: int) -> Iterator[Block]:
    """Orders of 1 to 3 lines, some SKUs wanted more than others, ids at random; the first block names every SKU."""
    chance = random.Random(1)
    yield [_placed(_order(chance, [(f"SKU-{sku:04}", 1), (f"SKU-{sku + BLOCK:04}", 1)])) for sku in range(BLOCK)]
    for _ in range(1, blocks):
        yield [_placed(body) for body in _orders(chance, BLOCK)]


def mixed(blocks: int) -> Iterator[Block]:
    """Return blocks that are all alike, so that each batch has statements of all kinds.

    5 % cancellations and 1 % changes of what the block before did, 2 % sent again, 10 % sold out, 1.6 % malformed; the
    rest are orders.
    """
    chance = random.Random(2)
    before: list[dict[str, object]] = []
    for number in range(blocks):
        placed = _orders(chance, 400)
        short = [_order(chance, [(f"SHORT-{number}", 5)]) for _ in range(2)]
        sold_out = [_order(chance, [("SOLD-OUT", 1)]) for _ in range(50)]
        cancelled = [{"type": "order.cancelled", "order_id": o["order_id"]} for o in (before or placed)[:25]]
        changed = [_changed(f"batch-{sku:04}-2", PURCHASED - number - 1) for sku in range(4)]
        changed += [_changed(f"short-{max(number - 1, 0)}", 5)]
        block = [_placed(order) for order in [*placed, *short, *sold_out, *placed[25:35]]]
        block += [_sent(body["order_id"], body) for body in cancelled]
        block += [_sent(body["batch_ref"], body) for body in changed]
        block += [Sent(b"bad", b'{"type":"order.placed"') for _ in range(8)]
        assert len(block) == BLOCK
        yield block
        before = placed


def send(servers: str, topic: str, blocks: Iterable[Block]) -> None:
    """Produce each block as one record batch of partition 0, so that it is fetched whole."""
    # Nothing may leave before a block is complete, however slow the machine is: flush() does not wait for the linger.
    whole = {"linger.ms": 60_000, "batch.size": 4_000_000, "batch.num.messages": 10 * BLOCK, "compression.type": "lz4"}
    producer = Producer({"bootstrap.servers": servers, "message.max.bytes": 4_000_000} | whole)
    for block in blocks:
        for record in block:
            producer.produce(topic, record.value, record.key, 0)
        assert producer.flush(60) == 0, "not acknowledged"


def _orders(chance: random.Random, count: int) -> list[dict[str, object]]:
    skus = [f"SKU-{number:04}" for number in range(SKUS)]
    weights = list(accumulate(1 / rank**ZIPF for rank in range(1, SKUS + 1)))
    wanted = (chance.choices(skus, cum_weights=weights, k=chance.randint(1, 3)) for _ in range(count))
    return [_order(chance, [(sku, chance.randint(1, 5)) for sku in some]) for some in wanted]


def _order(chance: random.Random, lines: Sequence[tuple[str, int]]) -> dict[str, object]:
    ordered = [{"sku": sku, "qty": qty} for sku, qty in lines]
    return {"type": "order.placed", "order_id": f"{chance.getrandbits(96):024x}", "lines": ordered}


def _created(ref: str, sku: str, qty: int, eta: str | None = None) -> dict[str, object]:
    return {"type": "batch.created", "batch_ref": ref, "sku": sku, "qty": qty, "eta": eta}


def _changed(ref: str, qty: int) -> dict[str, object]:
    return {"type": "batch.quantity_changed", "batch_ref": ref, "qty": qty}


def _placed(body: dict[str, object]) -> Sent:
    return _sent(body["order_id"], body)


def _sent(key: object, body: dict[str, object]) -> Sent:
    return Sent(str(key).encode(), json.dumps(body).encode())
