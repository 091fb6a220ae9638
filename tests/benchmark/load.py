"""What all sides are given: topics, stock, orders of 1 to 3 lines over 1,000 SKUs, some wanted more than others."""

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import Any

import msgspec
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # its stubs' gap

from tests.broker import SILENT

SKUS = 1000
BATCHES_PER_SKU = 3
PURCHASED = 300_000_000
ZIPF = 0.8
BY_KEY = -1
FOR_EVER = 10**9

EMPTY_SKUS = 50
"""Known ones of which there never was a unit: what the mixed load has out of stock."""

CANCELLED, CHANGED, REPEATED, MALFORMED = 0.05, 0.01, 0.02, 0.001
"""Shares of all messages of the mixed load; the others are orders."""
OUT_OF_STOCK = 0.1
"""Share of the mixed load's lines."""
RECENT = 10_000
"""So many of the last orders may be cancelled or sent again."""

Message = Mapping[str, object]
Record = tuple[bytes, bytes]
"""Key and value."""


def make_topics(servers: str, *names: str) -> None:
    """Three partitions each."""
    admin = AdminClient({"bootstrap.servers": servers}, logger=SILENT)
    for made in admin.create_topics([NewTopic(name, 3, 1) for name in names]).values():
        made.result(30)


def drop_topics(servers: str, prefix: str) -> None:
    """Delete all whose names begin so, that their bytes make room."""
    admin = AdminClient({"bootstrap.servers": servers}, logger=SILENT)
    names = [name for name in admin.list_topics(timeout=30).topics if name.startswith(prefix)]
    for gone in admin.delete_topics(names).values():
        gone.result(30)


def batches() -> Iterator[dict[str, object]]:
    """Stock for more than any run can order, and SKUs that are known and have none."""
    for sku in range(SKUS):
        for number in range(BATCHES_PER_SKU):
            ref = f"batch-{sku:04}-{number}"
            eta = f"2030-01-0{number}" if number else None
            yield {"type": "batch.created", "batch_ref": ref, "sku": f"SKU-{sku:04}", "qty": PURCHASED, "eta": eta}
    for sku in range(EMPTY_SKUS):
        yield {"type": "batch.created", "batch_ref": f"batch-E{sku:03}", "sku": f"SKU-E{sku:03}", "qty": 0, "eta": None}


def orders(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Orders under random ids: sequential ones would flatter the indexes."""
    chance = random.Random(seed)
    skus = [f"SKU-{number:04}" for number in range(SKUS)]
    weights = list(accumulate(1 / rank**ZIPF for rank in range(1, SKUS + 1)))
    for _ in range(count):
        wanted = chance.choices(skus, cum_weights=weights, k=chance.randint(1, 3))
        lines = [{"sku": sku, "qty": chance.randint(1, 5)} for sku in wanted]
        yield {"type": "order.placed", "order_id": f"{chance.getrandbits(96):024x}", "lines": lines}


def sunny(seed: int) -> Iterator[Record]:
    """Orders alone, each for the first time, all in stock; without end."""
    return map(record, orders(FOR_EVER, seed))


def mixed(seed: int) -> Iterator[Record]:
    """Orders among cancellations, quantity changes, duplicates and rubbish, a tenth out of stock; without end."""
    chance, placed = random.Random(seed + 1), deque[Record](maxlen=RECENT)
    for order in orders(FOR_EVER, seed):
        for line in order["lines"]:
            if chance.random() < OUT_OF_STOCK:
                line["sku"] = f"SKU-E{chance.randrange(EMPTY_SKUS):03}"
        placed.append(record(order))
        yield placed[-1]
        yield from besides(chance, placed)


def besides(chance: random.Random, placed: Sequence[Record]) -> Iterator[Record]:
    """What comes with an order on the average, so that the shares are those of all messages."""
    per_order = 1 / (1 - CANCELLED - CHANGED - REPEATED - MALFORMED)
    drawn = chance.random()
    for share, make in ((CANCELLED, cancelled), (CHANGED, changed), (REPEATED, repeated), (MALFORMED, malformed)):
        drawn -= share * per_order
        if drawn < 0:
            yield make(chance, placed)
            return


def cancelled(chance: random.Random, placed: Sequence[Record]) -> Record:
    """Take back one of the last orders; one in a few hundred has been taken back already."""
    key = chance.choice(placed)[0]
    return record({"type": "order.cancelled", "order_id": key.decode()})


def changed(chance: random.Random, _placed: Sequence[Record]) -> Record:
    """Change how much was bought, never below what is allocated: nothing comes off."""
    ref = f"batch-{chance.randrange(SKUS):04}-{chance.randrange(BATCHES_PER_SKU)}"
    qty = PURCHASED + chance.randrange(1, 10**6)
    return record({"type": "batch.quantity_changed", "batch_ref": ref, "qty": qty})


def repeated(chance: random.Random, placed: Sequence[Record]) -> Record:
    """One of the last orders once more."""
    return chance.choice(placed)


def malformed(chance: random.Random, placed: Sequence[Record]) -> Record:
    """The first half of an order."""
    key, value = chance.choice(placed)
    return key, value[: len(value) // 2]


LOADS: Mapping[str, Callable[[int], Iterator[Record]]] = {"sunny": sunny, "mixed": mixed}


class Backlog:
    """Records of a load, made once and kept: every side is given the first so many of the same ones."""

    def __init__(self, load: str, seed: int = 1) -> None:
        self._stream = LOADS[load](seed)
        self._made: list[Record] = []

    def first(self, count: int) -> Sequence[Record]:
        """So many of them, from the beginning."""
        self._made += islice(self._stream, max(0, count - len(self._made)))
        return self._made[:count]


def record(message: Message) -> Record:
    """Key and value as the contract has them: an order's messages by its id, a batch's by its reference."""
    return str(message.get("order_id") or message["batch_ref"]).encode(), msgspec.json.encode(message)


def produce(servers: str, topic: str, records: Iterable[Record], partition: int = BY_KEY) -> None:
    """Produce them all; acknowledged when it returns."""
    properties = {"partitioner": "murmur2_random", "linger.ms": 20, "message.max.bytes": 2_000_000}
    producer = Producer({"bootstrap.servers": servers} | properties)
    for key, value in records:
        while True:
            try:
                producer.produce(topic, value, key, partition)
            except BufferError:
                producer.poll(0.1)
            else:
                break
    assert producer.flush(60) == 0, "not acknowledged"


def send(servers: str, topic: str, messages: Iterable[Message], partition: int = BY_KEY) -> int:
    """Produce them all, acknowledged; return how many events they lead to: one for each line, or for the batch."""
    events = 0

    def counted() -> Iterator[Record]:
        nonlocal events
        for message in messages:
            ordered = message.get("lines")
            events += len(ordered) if isinstance(ordered, list) else 1
            yield record(message)

    produce(servers, topic, counted(), partition)
    return events
