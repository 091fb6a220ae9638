"""Stock: products, batches, orders and their lines. Yours.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

C_TEXT = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "products",
        sa.Column("sku", C_TEXT, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, comment="of its last event; 0 is never committed"),
        sa.PrimaryKeyConstraint("sku", name="pk_products"),
        comment="SKUs that a batch ever had; the row's lock guards the SKU's batches and lines",
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "batches",
        sa.Column("batch_ref", C_TEXT, nullable=False),
        sa.Column("sku", C_TEXT, nullable=False),
        sa.Column("eta", sa.Date, comment="null: in the warehouse"),
        sa.Column("created_qty", sa.Integer, nullable=False, comment="what it was created with"),
        sa.Column("purchased", sa.Integer, nullable=False),
        sa.Column("allocated", sa.Integer, nullable=False, server_default="0"),
        sa.Column("open", sa.Boolean, sa.Computed("purchased > allocated", persisted=True)),
        sa.PrimaryKeyConstraint("batch_ref", name="pk_batches"),
        sa.CheckConstraint("allocated BETWEEN 0 AND purchased", name=op.f("ck_batches_not_over_allocated")),
        comment="Units bought of one SKU",
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index(
        "ix_batches_sku_open",
        "batches",
        ["sku", sa.text("eta NULLS FIRST"), "batch_ref"],
        postgresql_where=sa.text("open"),
    )
    op.create_index("ix_batches_sku_used_up", "batches", ["sku"], postgresql_where=sa.text("NOT open"))
    op.create_table(
        "orders",
        sa.Column("order_id", C_TEXT, nullable=False),
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False, comment="leads to its lines"),
        sa.Column("customer_id", C_TEXT),
        sa.Column("placed_at", sa.DateTime(timezone=True)),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.func.now(),
            comment="when it was placed or cancelled here",
        ),
        sa.Column("cancelled", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.PrimaryKeyConstraint("order_id", name="pk_orders"),
        comment="Orders that were placed, also those that were cancelled",
    )
    op.create_index(
        "ix_orders_customer_id",
        "orders",
        ["customer_id", "order_id"],
        postgresql_where=sa.text("customer_id IS NOT NULL"),
    )
    op.create_table(
        "order_lines",
        # Fixed widths first: then no byte is lost between columns.
        sa.Column("number", sa.BigInteger, nullable=False, comment="of the order"),
        sa.Column("version", sa.BigInteger, nullable=False, comment="of the SKU's last event about this line"),
        sa.Column("qty", sa.Integer, nullable=False),
        sa.Column("line", sa.SmallInteger, nullable=False),
        sa.Column("order_id", C_TEXT, nullable=False),
        sa.Column("sku", C_TEXT, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("batch_ref", C_TEXT, comment="where its units are, while it is allocated"),
        sa.PrimaryKeyConstraint("number", "line", name="pk_order_lines"),
        sa.CheckConstraint(
            "status IN ('allocated', 'deallocated', 'out_of_stock', 'rejected')",
            name=op.f("ck_order_lines_status_known"),
        ),
        sa.CheckConstraint(
            "(status = 'allocated') = (batch_ref IS NOT NULL)", name=op.f("ck_order_lines_allocated_to_one_batch")
        ),
        comment="Each line of an order, once, with the one batch that it is allocated to",
    )
    op.create_index(
        "ix_order_lines_batch_ref_version",
        "order_lines",
        ["batch_ref", "version"],
        postgresql_where=sa.text("batch_ref IS NOT NULL"),
    )


def downgrade() -> None:
    for table in ("order_lines", "orders", "batches", "products"):
        op.drop_table(table)
