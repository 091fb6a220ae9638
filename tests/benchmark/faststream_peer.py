"""The peer: the same allocation as FastStream's and SQLAlchemy's documentation would have it written.

One message, one ORM transaction, then its events are published. So it is at least once, and events can be lost or
doubled by a crash: less than what the service promises.
"""

import os
from datetime import UTC, date, datetime
from typing import Any

import pydantic
from faststream import FastStream
from faststream.confluent import KafkaBroker
from sqlalchemy import ForeignKey, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

URL = os.environ.get("PEER_DATABASE", "postgresql+asyncpg://localhost/postgres")
SERVERS = os.environ.get("PEER_KAFKA", "localhost:9092")
INPUT, OUTPUT = os.environ.get("PEER_INPUT", "peer-in"), os.environ.get("PEER_OUTPUT", "peer-out")


class Base(DeclarativeBase):
    """The peer's tables."""


class Product(Base):
    __tablename__ = "peer_products"
    sku: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(default=0)


class Batch(Base):
    __tablename__ = "peer_batches"
    ref: Mapped[str] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(ForeignKey("peer_products.sku"), index=True)
    eta: Mapped[date | None]
    purchased: Mapped[int]
    allocated: Mapped[int] = mapped_column(default=0)


class Order(Base):
    __tablename__ = "peer_orders"
    order_id: Mapped[str] = mapped_column(primary_key=True)
    lines: Mapped[list["OrderLine"]] = relationship()


class OrderLine(Base):
    __tablename__ = "peer_order_lines"
    order_id: Mapped[str] = mapped_column(ForeignKey("peer_orders.order_id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str]
    qty: Mapped[int]
    batch_ref: Mapped[str | None] = mapped_column(ForeignKey("peer_batches.ref"))


class Line(pydantic.BaseModel):
    sku: str = pydantic.Field(min_length=1, max_length=64)
    qty: int = pydantic.Field(ge=1, le=1_000_000)


class OrderPlaced(pydantic.BaseModel):
    type: str
    order_id: str = pydantic.Field(min_length=1, max_length=64)
    lines: list[Line] = pydantic.Field(min_length=1, max_length=100)


engine = create_async_engine(URL)
sessions = async_sessionmaker(engine, expire_on_commit=False)
broker = KafkaBroker(SERVERS)
app = FastStream(broker)


@broker.subscriber(INPUT, group_id="peer", auto_offset_reset="earliest")
async def place(order: OrderPlaced) -> None:
    """Allocate each line, commit, publish."""
    async with sessions.begin() as session:
        if await session.get(Order, order.order_id):
            return
        placed = Order(order_id=order.order_id)
        session.add(placed)
        events = [await allocate(session, placed, index, line) for index, line in enumerate(order.lines)]
    for event in events:
        await broker.publish(event, OUTPUT, key=event["sku"].encode())


async def allocate(session: Any, order: Order, index: int, line: Line) -> dict[str, Any]:
    """Give the line to the batch that is preferred."""
    product = await session.get(Product, line.sku, with_for_update=True)
    batches = (await session.scalars(select(Batch).where(Batch.sku == line.sku))).all()
    free = [b for b in batches if b.purchased - b.allocated >= line.qty]
    batch = min(free, key=lambda b: (b.eta or date.min, b.ref), default=None)
    product.version += 1
    session.add(
        OrderLine(order_id=order.order_id, line=index, sku=line.sku, qty=line.qty, batch_ref=batch and batch.ref)
    )
    if batch:
        batch.allocated += line.qty
    return {
        "type": "line.allocated" if batch else "line.out_of_stock",
        "id": f"{line.sku}/{product.version}",
        "sku": line.sku,
        "version": product.version,
        "occurred_at": datetime.now(UTC).isoformat(),
        "order_id": order.order_id,
        "line": index,
        "qty": line.qty,
        "batch_ref": batch and batch.ref,
        "eta": batch and batch.eta and batch.eta.isoformat(),
    }


async def prepare(stock: list[dict[str, Any]]) -> None:
    """Make the tables, and the stock in them."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        products = [{"sku": sku, "version": 0} for sku in sorted({b["sku"] for b in stock})]
        await connection.execute(insert(Product), products)
        await connection.execute(
            insert(Batch),
            [
                {
                    "ref": b["batch_ref"],
                    "sku": b["sku"],
                    "eta": date.fromisoformat(b["eta"]) if b["eta"] else None,
                    "purchased": b["qty"],
                    "allocated": 0,
                }
                for b in stock
            ],
        )
    await engine.dispose()


if __name__ == "__main__":
    import asyncio

    asyncio.run(app.run())
