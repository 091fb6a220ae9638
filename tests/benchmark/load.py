"""What both sides are given: topics, stock, orders of 1 to 3 lines over 1,000 SKUs, some wanted more than others."""

import json
import random
from collections.abc import Iterable, Iterator
from itertools import accumulate

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # its stubs' gap

SKUS = 1000
BATCHES_PER_SKU = 3
PURCHASED = 300_000_000
ZIPF = 0.8
BY_KEY = -1


def make_topics(servers: str, *names: str) -> None:
    """Three partitions each."""
    admin = AdminClient({"bootstrap.servers": servers})
    for made in admin.create_topics([NewTopic(name, 3, 1) for name in names]).values():
        made.result(30)


def batches() -> Iterator[dict[str, object]]:
    """Stock for more than any run can order."""
    for sku in range(SKUS):
        for number in range(BATCHES_PER_SKU):
            ref = f"batch-{sku:04}-{number}"
            eta = f"2030-01-0{number}" if number else None
            yield {"type": "batch.created", "batch_ref": ref, "sku": f"SKU-{sku:04}", "qty": PURCHASED, "eta": eta}


def orders(count: int, seed: int) -> Iterator[dict[str, object]]:
    """Orders under random ids: sequential ones would flatter the indexes."""
    chance = random.Random(seed)
    skus = [f"SKU-{number:04}" for number in range(SKUS)]
    weights = list(accumulate(1 / rank**ZIPF for rank in range(1, SKUS + 1)))
    for _ in range(count):
        wanted = chance.choices(skus, cum_weights=weights, k=chance.randint(1, 3))
        lines = [{"sku": sku, "qty": chance.randint(1, 5)} for sku in wanted]
        yield {"type": "order.placed", "order_id": f"{chance.getrandbits(96):024x}", "lines": lines}


def send(servers: str, topic: str, messages: Iterable[dict[str, object]], partition: int = BY_KEY) -> int:
    """Produce them all, acknowledged; return how many events they lead to: one for each line, or for the batch."""
    properties = {"partitioner": "murmur2_random", "linger.ms": 20, "message.max.bytes": 2_000_000}
    producer = Producer({"bootstrap.servers": servers} | properties)
    events = 0
    for message in messages:
        key = str(message.get("order_id") or message["batch_ref"])
        value = json.dumps(message).encode()
        ordered = message.get("lines")
        events += len(ordered) if isinstance(ordered, list) else 1
        while True:
            try:
                producer.produce(topic, value, key, partition)
            except BufferError:
                producer.poll(0.1)
            else:
                break
    assert producer.flush(60) == 0, "not acknowledged"
    return events
