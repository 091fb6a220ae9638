"""The tables of stock, and the constraints that guard what the domain promises. Yours."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)

from python_app_template.adapters.secondary.postgres.tables import C_TEXT, metadata

__all__ = ["batches", "metadata", "order_lines", "orders", "products"]

products = Table(
    "products",
    metadata,
    Column("sku", C_TEXT, primary_key=True),
    Column("version", BigInteger, nullable=False, comment="of its last event; 0 is never committed"),
    comment="SKUs that a batch ever had; the row's lock guards the SKU's batches and lines",
)

batches = Table(
    "batches",
    metadata,
    Column("batch_ref", C_TEXT, primary_key=True),
    Column("sku", C_TEXT, nullable=False),
    Column("eta", Date, comment="null: in the warehouse"),
    Column("created_qty", Integer, nullable=False, comment="what it was created with"),
    Column("purchased", Integer, nullable=False),
    Column("allocated", Integer, nullable=False, server_default="0"),
    Column("open", Boolean, Computed("purchased > allocated", persisted=True)),
    CheckConstraint("allocated BETWEEN 0 AND purchased", name="not_over_allocated"),
    # `open` changes seldom, so most updates touch no index, and a batch that is used up costs nothing any more.
    # In the order in which lines prefer them, so that the first ones can be had without the others.
    Index("ix_batches_sku_open", "sku", text("eta NULLS FIRST"), "batch_ref", postgresql_where=text("open")),
    # Both indexes together have every batch, for those who are shown all of a SKU's; a new batch is in one of them.
    Index("ix_batches_sku_used_up", "sku", postgresql_where=text("NOT open")),
    comment="Units bought of one SKU",
)

orders = Table(
    "orders",
    metadata,
    Column("order_id", C_TEXT, primary_key=True),
    Column("number", BigInteger, Identity(always=True), nullable=False, comment="leads to its lines"),
    Column("customer_id", C_TEXT),
    Column("placed_at", DateTime(timezone=True)),
    Column(
        "changed_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=func.now(),
        comment="when it was placed or cancelled here",
    ),
    Column("cancelled", Boolean, nullable=False, server_default=text("false")),
    Index("ix_orders_customer_id", "customer_id", "order_id", postgresql_where=text("customer_id IS NOT NULL")),
    comment="Orders that were placed, also those that were cancelled",
)

order_lines = Table(
    "order_lines",
    metadata,
    # Ids of orders are random: an index of lines by them would be read and written all over, and grow out of memory.
    # By number, new lines stand together at its end.
    Column("number", BigInteger, primary_key=True, autoincrement=False, comment="of the order"),
    Column("version", BigInteger, nullable=False, comment="of the SKU's last event about this line"),
    Column("qty", Integer, nullable=False),
    Column("line", SmallInteger, primary_key=True),
    Column("order_id", C_TEXT, nullable=False),
    Column("sku", C_TEXT, nullable=False),
    Column("status", Text, nullable=False),
    Column("batch_ref", C_TEXT, comment="where its units are, while it is allocated"),
    CheckConstraint("status IN ('allocated', 'deallocated', 'out_of_stock', 'rejected')", name="status_known"),
    CheckConstraint("(status = 'allocated') = (batch_ref IS NOT NULL)", name="allocated_to_one_batch"),
    Index("ix_order_lines_batch_ref_version", "batch_ref", "version", postgresql_where=text("batch_ref IS NOT NULL")),
    comment="Each line of an order, once, with the one batch that it is allocated to",
)
