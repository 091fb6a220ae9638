"""FastStream with the ORM: a message, a transaction, then its events are published.

At least once in: the offset is committed after the handler (`NACK_ON_ERROR`; by default before it: at most once).
A crash between the database's commit and the broker's acknowledgement loses events: the message comes again, but its
order is known by then. With several messages in hand at once FastStream offers at most once only (`ACK_FIRST`).
"""

import asyncio

from faststream import AckPolicy, FastStream
from faststream.confluent import KafkaBroker, KafkaPublishMessage
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from tests.benchmark.peers.allocation import Event, OrderPlaced, allocate, as_order, locked_products
from tests.benchmark.peers.settings import Settings
from tests.benchmark.peers.tables import Order

settings = Settings()
engine = create_async_engine(settings.database, pool_size=settings.pool)
sessions = async_sessionmaker(engine)
broker = KafkaBroker(settings.kafka, log_level=settings.log_level)
app = FastStream(broker)


async def place(order: OrderPlaced) -> None:
    """Allocate each line, commit, publish."""
    async with sessions.begin() as session:
        if await session.get(Order, order.order_id):
            return
        events = allocate(order, await locked_products(session, [order]))
        session.add(as_order(order.order_id, events))
    await publish(events)


async def publish(events: list[Event]) -> None:
    """Publish one after the other, or all together."""
    if settings.gather:
        messages = [KafkaPublishMessage(event, key=event["sku"].encode()) for event in events]
        await broker.publish_batch(*messages, topic=settings.output_topic)
        return
    for event in events:
        await broker.publish(event, settings.output_topic, key=event["sku"].encode())


for _ in range(settings.consumers):
    broker.subscriber(
        settings.input_topic,
        group_id=settings.group,
        auto_offset_reset="earliest",
        max_workers=settings.workers,
        ack_policy=AckPolicy.NACK_ON_ERROR if settings.workers == 1 else AckPolicy.ACK_FIRST,
    )(place)


if __name__ == "__main__":
    asyncio.run(app.run())
