"""The peers' tables, as SQLAlchemy's documentation declares them."""

from datetime import date

from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """All of them."""


class Batch(Base):
    """Units of a SKU that were bought together."""

    __tablename__ = "batches"
    ref: Mapped[str] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(ForeignKey("products.sku"), index=True)
    eta: Mapped[date | None]
    purchased: Mapped[int]
    allocated: Mapped[int] = mapped_column(default=0)


class Product(Base):
    """A SKU; whoever has its row locked may allocate its batches."""

    __tablename__ = "products"
    sku: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(default=0)
    batches: Mapped[list[Batch]] = relationship()

    def allocate(self, qty: int) -> Batch | None:
        """Take so many units from the batch that is preferred: the warehouse, then the earliest, then by reference."""
        self.version += 1
        free = [batch for batch in self.batches if batch.purchased - batch.allocated >= qty]
        batch = min(free, key=lambda batch: (batch.eta or date.min, batch.ref), default=None)
        if batch:
            batch.allocated += qty
        return batch


class OrderLine(Base):
    """One line of an order, and the batch that it got."""

    __tablename__ = "order_lines"
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str]
    qty: Mapped[int]
    batch_ref: Mapped[str | None] = mapped_column(ForeignKey("batches.ref"))


class Order(Base):
    """An order that was placed; whoever comes again is known by it."""

    __tablename__ = "orders"
    order_id: Mapped[str] = mapped_column(primary_key=True)
    lines: Mapped[list[OrderLine]] = relationship()
