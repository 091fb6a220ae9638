"""No framework: confluent_kafka and asyncpg in a loop, one message per transaction.

Offsets are stored once the events are acknowledged: at least once in. A crash between the database's commit and the
broker's acknowledgement loses events: the message comes again, but its order is known by then.
"""

import asyncio
import json
import signal
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
from confluent_kafka import Consumer, KafkaException, Message, Producer

from tests.benchmark.peers.settings import Settings

PLACE = "INSERT INTO orders VALUES ($1) ON CONFLICT DO NOTHING RETURNING order_id"
LOCK = "SELECT sku, version FROM products WHERE sku = ANY($1) ORDER BY sku FOR UPDATE"
LOAD = """
SELECT ref, sku, eta, purchased - allocated AS free FROM batches WHERE sku = ANY($1) ORDER BY eta NULLS FIRST, ref
"""
KEEP = "INSERT INTO order_lines (order_id, line, sku, qty, batch_ref) VALUES ($1, $2, $3, $4, $5)"
TAKE = "UPDATE batches SET allocated = allocated + $2 WHERE ref = $1"
COUNT = "UPDATE products SET version = $2 WHERE sku = $1"

settings = Settings()
producer = Producer({"bootstrap.servers": settings.kafka})
stopping = asyncio.Event()


async def main() -> None:
    """Consume, place, publish, until asked to stop."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka,
            "group.id": settings.group,
            "auto.offset.reset": "earliest",
            "enable.auto.offset.store": False,
        }
    )
    consumer.subscribe([settings.input_topic])
    url = settings.database.replace("+asyncpg", "")
    async with asyncpg.create_pool(url, min_size=1, max_size=settings.workers) as pool:
        while not stopping.is_set():
            messages = await asyncio.to_thread(consumer.consume, settings.batch, 0.02)
            await asyncio.gather(*(handle(pool, message) for message in messages))
            producer.flush()
            for message in messages:
                consumer.store_offsets(message)
    consumer.close()


async def handle(pool: asyncpg.Pool, message: Message) -> None:
    """Place the order in a transaction, then send its events on their way."""
    if message.error():
        raise KafkaException(message.error())
    async with pool.acquire() as connection, connection.transaction():
        events = await place(connection, json.loads(message.value() or b""))
    for event in events:
        producer.produce(settings.output_topic, json.dumps(event), event["sku"])


async def place(connection: asyncpg.Connection, order: Any) -> list[dict[str, Any]]:
    """Allocate each line; return the events."""
    order_id, lines = order["order_id"], order["lines"]
    if await connection.fetchval(PLACE, order_id) is None:
        return []
    skus = sorted({line["sku"] for line in lines})
    versions = dict(await connection.fetch(LOCK, skus))
    batches = defaultdict[str, list[dict[str, Any]]](list)
    for row in await connection.fetch(LOAD, skus):
        batches[row["sku"]].append(dict(row))
    events = [decide(order_id, number, line, versions, batches[line["sku"]]) for number, line in enumerate(lines)]
    await store(connection, events, versions)
    return events


def decide(
    order_id: str, number: int, line: Any, versions: dict[str, int], batches: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Give the line to the first batch that has enough."""
    sku, qty = line["sku"], line["qty"]
    batch = next((batch for batch in batches if batch["free"] >= qty), None)
    known = sku in versions
    if batch:
        batch["free"] -= qty
    if known:
        versions[sku] += 1
    refused = "line.out_of_stock" if known else "line.rejected"
    return {
        "type": "line.allocated" if batch else refused,
        "id": f"{sku}/{versions[sku]}" if known else f"{order_id}/{number}/rejected",
        "sku": sku,
        "version": versions[sku] if known else 0,
        "occurred_at": datetime.now(UTC).isoformat(),
        "order_id": order_id,
        "line": number,
        "qty": qty,
        "batch_ref": batch["ref"] if batch else None,
        "eta": batch["eta"].isoformat() if batch and batch["eta"] else None,
    }


async def store(connection: asyncpg.Connection, events: Sequence[dict[str, Any]], versions: dict[str, int]) -> None:
    """Write the lines, what was taken from the batches, and the products' versions."""
    kept = [(e["order_id"], e["line"], e["sku"], e["qty"], e["batch_ref"]) for e in events]
    await connection.executemany(KEEP, kept)
    await connection.executemany(TAKE, [(e["batch_ref"], e["qty"]) for e in events if e["batch_ref"]])
    await connection.executemany(COUNT, versions.items())


if __name__ == "__main__":
    asyncio.run(main())
