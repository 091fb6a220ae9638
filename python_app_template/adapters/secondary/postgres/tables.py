"""The tables of delivery: what has been consumed, what is to be published."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=NAMING)

C_TEXT = Text(collation="C")
"""Equality and order by code point, whatever the database's locale."""

positions = Table(
    "positions",
    metadata,
    Column("topic", C_TEXT, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("group", C_TEXT, nullable=False, comment="the consumer group that this database belongs to"),
    Column("topic_id", Text, nullable=False, comment="Kafka's id of the topic when its first record was consumed"),
    Column("epoch", BigInteger, nullable=False, comment="raised by each claim; only its holder moves the row"),
    Column("next_offset", BigInteger, nullable=False, comment="the first offset that is not consumed"),
    Column("claims", Integer, nullable=False, server_default="0", comment="since the last commit or good-bye"),
    Column("suspect_end", BigInteger, comment="up to here messages go one by one"),
    Column("trying", BigInteger, comment="the offset that was announced last"),
    Column("tries", Integer, nullable=False, server_default="0", comment="how often it was announced"),
    CheckConstraint("next_offset >= 0 AND epoch >= 0", name="not_negative"),
    comment="The truth about what has been consumed of each partition",
)

outbox = Table(
    "outbox",
    metadata,
    Column("row_id", Uuid, primary_key=True, server_default=text("gen_random_uuid()")),
    Column("number", BigInteger, unique=True, comment="dense and in commit order; given inside COMMIT"),
    Column(
        "frames", LargeBinary, nullable=False, comment="MessagePack: frames in their order; long ones in zlib's format"
    ),
    Column("bytes", Integer, nullable=False, comment="of the frames, before they were compressed"),
    Column("bytes_through", BigInteger, comment="the sum of bytes up to this row"),
    Column("committed_at", DateTime(timezone=True)),
    comment="What transactions want published, a row each; the last one published stays as a witness",
)

outbox_head = Table(
    "outbox_head",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    Column("number", BigInteger, nullable=False, server_default="0", comment="the last number given"),
    Column("bytes", BigInteger, nullable=False, server_default="0", comment="the sum of all bytes ever"),
    Column("started", Boolean, nullable=False, server_default=text("false"), comment="a cursor was published"),
    Column("transactional_id", Text, comment="the relay's; it never changes"),
    Column("command_secret", LargeBinary, comment="signs ids of commands, unless settings have one"),
    CheckConstraint("singleton", name="one_row"),
    comment="The lock under which numbers are given",
)

topics = Table(
    "topics",
    metadata,
    Column("topic", C_TEXT, primary_key=True),
    Column("topic_id", Text, nullable=False),
    comment="The ids that the topics written to had when they were first seen",
)

oversized = Table(
    "oversized",
    metadata,
    Column("topic", C_TEXT, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("kept_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    comment="Values of dead letters that no topic takes",
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("topic", C_TEXT, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True, comment="of the message that could not be applied"),
    Column("topic_id", Text, nullable=False, comment="the position row's when it was consumed"),
    Column("epoch", BigInteger, nullable=False, comment="likewise"),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("written_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("ix_dead_letters_written_at", "written_at", postgresql_using="brin"),
    comment="What became dead letters, for those who ask for their command; the letters themselves are in Kafka",
)

dead_letters_trimmed = Table(
    "dead_letters_trimmed",
    metadata,
    Column("topic", C_TEXT, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("topic_id", Text, primary_key=True),
    Column("known_from", BigInteger, nullable=False, comment="below it dead letters have been forgotten"),
    comment="How far back the table dead_letters knows all",
)

position_moves = Table(
    "position_moves",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("moved_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("moved_by", Text, nullable=False, server_default=text("session_user")),
    Column("reason", Text, nullable=False, comment="in the words of whoever moved it"),
    Column("topic", C_TEXT, nullable=False),
    Column("partition", Integer, comment="null: of the published cursor, or of the id of a topic written to"),
    Column("from_offset", BigInteger, comment="null: there was no row"),
    Column("to_offset", BigInteger),
    Column("group_from", C_TEXT),
    Column("group_to", C_TEXT),
    Column("epoch", BigInteger, comment="the row's from then on"),
    Column("topic_id_from", Text),
    Column("topic_id_to", Text),
    Column("published_from", BigInteger, comment="the cursor's number; null: there was none to be read"),
    Column("published_to", BigInteger),
    comment="What operators moved, and why",
)

passed_rows = Table(
    "passed_rows",
    metadata,
    Column("move_id", BigInteger, ForeignKey("position_moves.id", ondelete="CASCADE"), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("frames", LargeBinary, nullable=False, comment="as the outbox had them"),
    comment="Outbox rows that a move of the published cursor skipped, or has published again",
)

purges = Table(
    "purges",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("before", DateTime(timezone=True), nullable=False, comment="what was older was forgotten"),
    Column("purged_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("purged_by", Text, nullable=False, server_default=text("session_user")),
    Column("finished_at", DateTime(timezone=True), comment="null: it is under way, or was interrupted"),
    Column(
        "forgotten",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="how many of each kind; grows with each transaction of the run",
    ),
    comment="What was forgotten on purpose, run by run",
)

schema_compatibility = Table(
    "schema_compatibility",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    Column("compatible_from", Text, nullable=False, comment="the oldest revision whose code works on this schema"),
    CheckConstraint("singleton", name="one_row"),
)
