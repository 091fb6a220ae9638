"""Notifications: what is out of stock, collected into digests that are mailed. Yours.

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

C_TEXT = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "notifier_positions",
        sa.Column("topic", C_TEXT, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("topic_id", sa.Text, nullable=False, comment="Kafka's id of the topic that the offset is of"),
        sa.Column("next_offset", sa.BigInteger, nullable=False, comment="the first offset that is not collected"),
        sa.PrimaryKeyConstraint("topic", "partition", name="pk_notifier_positions"),
        comment="How far events have been read for digests",
    )
    op.create_table(
        "digests",
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="collecting"),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("lines", sa.BigInteger, nullable=False),
        sa.Column("units", sa.BigInteger, nullable=False),
        sa.Column("listed", postgresql.JSONB, comment="the first lines, while it is collecting"),
        sa.Column("starts", postgresql.JSONB, nullable=False, comment="partition to the first offset that it tells of"),
        sa.Column("ends", postgresql.JSONB, nullable=False, comment="partition to the offset after the last one"),
        sa.Column("message_id", sa.Text, comment="the mail's; the same however often it is sent"),
        sa.Column("sender", sa.Text),
        sa.Column("recipients", postgresql.ARRAY(sa.Text), comment="who has not got it yet"),
        sa.Column("content", sa.LargeBinary, comment="the whole mail, until it was accepted"),
        sa.Column("written_at", sa.DateTime(timezone=True), comment="when collecting ended"),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("settled_at", sa.DateTime(timezone=True), comment="when it was accepted or refused for good"),
        sa.Column("refused", postgresql.JSONB, nullable=False, server_default=sa.text("'{}'"), comment="who, and why"),
        sa.PrimaryKeyConstraint("number", name="pk_digests"),
        sa.CheckConstraint("state IN ('collecting', 'pending', 'sent', 'failed')", name=op.f("ck_digests_state_known")),
        sa.CheckConstraint("state = 'collecting' OR message_id IS NOT NULL", name=op.f("ck_digests_whole_before_sent")),
        comment="What was, is or will be mailed: one that collects and one that is being sent, at the most",
    )
    op.create_index(
        "uq_digests_state",
        "digests",
        ["state"],
        unique=True,
        postgresql_where=sa.text("state IN ('collecting', 'pending')"),
    )


def downgrade() -> None:
    for table in ("digests", "notifier_positions"):
        op.drop_table(table)
