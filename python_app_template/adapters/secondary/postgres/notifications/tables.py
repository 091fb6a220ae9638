"""The tables of notifications. Yours."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from python_app_template.adapters.secondary.postgres.stock.tables import metadata
from python_app_template.adapters.secondary.postgres.tables import C_TEXT

__all__ = ["digests", "metadata", "notifier_positions"]

notifier_positions = Table(
    "notifier_positions",
    metadata,
    Column("topic", C_TEXT, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("topic_id", Text, nullable=False, comment="Kafka's id of the topic that the offset is of"),
    Column("next_offset", BigInteger, nullable=False, comment="the first offset that is not collected"),
    comment="How far events have been read for digests",
)

digests = Table(
    "digests",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("state", Text, nullable=False, server_default="collecting"),
    Column("since", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("lines", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("listed", JSONB, comment="the first lines, while it is collecting"),
    Column("starts", JSONB, nullable=False, comment="partition to the first offset that it tells of"),
    Column("ends", JSONB, nullable=False, comment="partition to the offset after the last one"),
    Column("message_id", Text, comment="the mail's; the same however often it is sent"),
    Column("sender", Text),
    Column("recipients", ARRAY(Text), comment="who has not got it yet"),
    Column("content", LargeBinary, comment="the whole mail, until it was accepted"),
    Column("written_at", DateTime(timezone=True), comment="when collecting ended"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("settled_at", DateTime(timezone=True), comment="when it was accepted or refused for good"),
    Column("refused", JSONB, nullable=False, server_default=text("'{}'"), comment="who, and why"),
    CheckConstraint("state IN ('collecting', 'pending', 'sent', 'failed')", name="state_known"),
    CheckConstraint("state = 'collecting' OR message_id IS NOT NULL", name="whole_before_sent"),
    Index("uq_digests_state", "state", unique=True, postgresql_where=text("state IN ('collecting', 'pending')")),
    comment="What was, is or will be mailed: one that collects and one that is being sent, at the most",
)
