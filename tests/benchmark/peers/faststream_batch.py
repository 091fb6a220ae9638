"""FastStream's batch mode with the ORM: many messages, one transaction, then all their events are published.

At least once in, and a crash between commit and publishing loses a whole batch's events, as in `faststream_orm`.
"""

import asyncio

from faststream import AckPolicy, FastStream
from faststream.confluent import KafkaBroker, KafkaPublishMessage
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from tests.benchmark.peers.allocation import Event, OrderPlaced, allocate, as_order, as_row, locked_products
from tests.benchmark.peers.settings import Settings
from tests.benchmark.peers.tables import Order, OrderLine

settings = Settings()
engine = create_async_engine(settings.database, pool_size=settings.pool)
sessions = async_sessionmaker(engine)
broker = KafkaBroker(settings.kafka, log_level=settings.log_level)
app = FastStream(broker)


async def place(orders: list[OrderPlaced]) -> None:
    """Allocate all lines of all orders, commit, publish."""
    async with sessions.begin() as session:
        new = await unknown(session, orders)
        products = await locked_products(session, new)
        events = {order.order_id: allocate(order, products) for order in new}
        await keep(session, events)
    if events:
        messages = [KafkaPublishMessage(e, key=e["sku"].encode()) for of_one in events.values() for e in of_one]
        await broker.publish_batch(*messages, topic=settings.output_topic)


async def keep(session: AsyncSession, events: dict[str, list[Event]]) -> None:
    """Leave the new rows to the unit of work, or insert them in bulk, as SQLAlchemy advises for many."""
    if not settings.bulk:
        session.add_all(as_order(order_id, of_one) for order_id, of_one in events.items())
    elif events:
        await session.execute(insert(Order), [{"order_id": order_id} for order_id in events])
        await session.execute(insert(OrderLine), [as_row(e) for of_one in events.values() for e in of_one])


async def unknown(session: AsyncSession, orders: list[OrderPlaced]) -> list[OrderPlaced]:
    """Those that were not placed before, neither in this batch; the first of each."""
    first = {order.order_id: order for order in reversed(orders)}
    known = set(await session.scalars(select(Order.order_id).where(Order.order_id.in_(first))))
    return [order for order in reversed(first.values()) if order.order_id not in known]


for _ in range(settings.consumers):
    broker.subscriber(
        settings.input_topic,
        group_id=settings.group,
        auto_offset_reset="earliest",
        batch=True,
        max_records=settings.batch,
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )(place)


if __name__ == "__main__":
    asyncio.run(app.run())
