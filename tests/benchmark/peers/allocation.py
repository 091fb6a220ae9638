"""What the FastStream peers do with an order: its message, the products under lock, its lines and their events."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from tests.benchmark.peers.tables import Order, OrderLine, Product

Name = Annotated[str, Field(min_length=1, max_length=64)]
Event = dict[str, Any]


class Line(BaseModel):
    """Units of a SKU."""

    sku: Name
    qty: int = Field(ge=1, le=1_000_000)


class OrderPlaced(BaseModel):
    """The message."""

    type: str
    order_id: Name
    lines: list[Line] = Field(min_length=1, max_length=100)


async def locked_products(session: AsyncSession, orders: Iterable[OrderPlaced]) -> dict[str, Product]:
    """The products that they want, with their batches; locked in one order, so that no two wait for each other."""
    skus = {line.sku for order in orders for line in order.lines}
    found = await session.scalars(
        select(Product)
        .where(Product.sku.in_(sorted(skus)))
        .order_by(Product.sku)
        .with_for_update()
        .options(selectinload(Product.batches))
    )
    return {product.sku: product for product in found}


def allocate(order: OrderPlaced, products: Mapping[str, Product]) -> list[Event]:
    """Allocate each line; return the events, one for each line."""
    lines = enumerate(order.lines)
    return [allocate_line(order.order_id, number, line, products.get(line.sku)) for number, line in lines]


def allocate_line(order_id: str, number: int, line: Line, product: Product | None) -> Event:
    """Give the line to a batch, if there is one."""
    batch = product.allocate(line.qty) if product else None
    refused = "line.out_of_stock" if product else "line.rejected"
    return {
        "type": "line.allocated" if batch else refused,
        "id": f"{line.sku}/{product.version}" if product else f"{order_id}/{number}/rejected",
        "sku": line.sku,
        "version": product.version if product else 0,
        "occurred_at": datetime.now(UTC),
        "order_id": order_id,
        "line": number,
        "qty": line.qty,
        "batch_ref": batch.ref if batch else None,
        "eta": batch.eta if batch else None,
    }


def as_row(event: Event) -> dict[str, Any]:
    """What the tables keep of it."""
    return {name: event[name] for name in ("order_id", "line", "sku", "qty", "batch_ref")}


def as_order(order_id: str, events: Iterable[Event]) -> Order:
    """Return the order with its lines, to be added to a session."""
    return Order(order_id=order_id, lines=[OrderLine(**as_row(event)) for event in events])
