"""Tables, and the classes of the domain mapped to them, which know nothing of it."""

from typing import Any

from sqlalchemy import Column, Date, ForeignKey, Integer, String, Table, event
from sqlalchemy.orm import registry, relationship

from tests.benchmark.peers.book.model import Batch, OrderLine, Product

mappers = registry()

order_lines = Table(
    "order_lines",
    mappers.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("sku", String(255)),
    Column("qty", Integer, nullable=False),
    Column("orderid", String(255)),
    Column("number", Integer, nullable=False),
)

products = Table(
    "products",
    mappers.metadata,
    Column("sku", String(255), primary_key=True),
    Column("version_number", Integer, nullable=False, server_default="0"),
)

batches = Table(
    "batches",
    mappers.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("reference", String(255)),
    Column("sku", ForeignKey("products.sku"), index=True),
    Column("_purchased_quantity", Integer, nullable=False),
    Column("eta", Date, nullable=True),
)

allocations = Table(
    "allocations",
    mappers.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("orderline_id", ForeignKey("order_lines.id")),
    Column("batch_id", ForeignKey("batches.id"), index=True),
)


def start_mappers() -> None:
    """Map them; once in a process."""
    lines = mappers.map_imperatively(OrderLine, order_lines)
    have = relationship(lines, secondary=allocations, collection_class=set)
    mapped = mappers.map_imperatively(Batch, batches, properties={"_allocations": have})
    mappers.map_imperatively(Product, products, properties={"batches": relationship(mapped)})
    event.listen(Product, "load", with_no_events)


def with_no_events(product: Product, _: Any) -> None:
    """Give what comes from the database the attribute that is not in it."""
    product.events = []
