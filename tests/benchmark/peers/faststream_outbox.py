"""FastStream with the ORM and an outbox: order, offset and events in one transaction; `outbox_relay` publishes them.

Exactly once: a message whose offset is behind the position of its partition has had its effect. FastStream's own
outbox (the package `faststream-outbox`) was not taken: its relay may publish a row twice.
"""

import asyncio

from confluent_kafka import Message
from faststream import AckPolicy, FastStream
from faststream.confluent import KafkaBroker
from faststream.confluent.annotations import KafkaMessage
from pydantic_core import to_json
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from tests.benchmark.peers.allocation import OrderPlaced, allocate, as_order, locked_products
from tests.benchmark.peers.outbox import OutboxRow, Position
from tests.benchmark.peers.settings import Settings
from tests.benchmark.peers.tables import Order

settings = Settings()
engine = create_async_engine(settings.database, pool_size=settings.pool)
sessions = async_sessionmaker(engine)
broker = KafkaBroker(settings.kafka, log_level=settings.log_level)
app = FastStream(broker)


async def place(order: OrderPlaced, message: KafkaMessage) -> None:
    """Move the position, allocate each line, keep its event; all of it or nothing."""
    partition, offset = origin(message)
    async with sessions.begin() as session:
        position = await session.get_one(Position, partition, with_for_update=True)
        if offset < position.next_offset:
            return
        position.next_offset = offset + 1
        if await session.get(Order, order.order_id):
            return
        events = allocate(order, await locked_products(session, [order]))
        session.add(as_order(order.order_id, events))
        session.add_all(
            OutboxRow(partition=partition, key=event["sku"], payload=to_json(event).decode()) for event in events
        )


def origin(message: KafkaMessage) -> tuple[int, int]:
    """Partition and offset."""
    raw = message.raw_message
    assert isinstance(raw, Message)
    return raw.partition() or 0, raw.offset() or 0


for _ in range(settings.consumers):
    broker.subscriber(
        settings.input_topic,
        group_id=settings.group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )(place)


if __name__ == "__main__":
    asyncio.run(app.run())
