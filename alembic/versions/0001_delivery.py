"""What delivery needs: positions, the outbox with its dense numbers, the topics' ids.

Revision: 0001, the first.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

C_TEXT = sa.Text(collation="C")

NUMBER = """
CREATE FUNCTION give_outbox_number() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    head record;
BEGIN
    -- Runs inside COMMIT, and holds the head until that is done: so numbers are dense, and in the order of commits.
    UPDATE outbox_head SET number = outbox_head.number + 1, bytes = outbox_head.bytes + NEW.bytes
        RETURNING outbox_head.number, outbox_head.bytes INTO STRICT head;
    UPDATE outbox SET number = head.number, bytes_through = head.bytes, committed_at = clock_timestamp()
        WHERE row_id = NEW.row_id;
    RETURN NULL;
END
$$
"""

TRIGGER = """
CREATE CONSTRAINT TRIGGER give_outbox_number AFTER INSERT ON outbox
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.number IS NULL) EXECUTE FUNCTION give_outbox_number()
"""


def upgrade() -> None:
    op.create_table(
        "positions",
        sa.Column("topic", C_TEXT, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("group", C_TEXT, nullable=False, comment="the consumer group that this database belongs to"),
        sa.Column(
            "topic_id", sa.Text, nullable=False, comment="Kafka's id of the topic when its first record was consumed"
        ),
        sa.Column(
            "epoch", sa.BigInteger, nullable=False, comment="raised by each claim; only its holder moves the row"
        ),
        sa.Column("next_offset", sa.BigInteger, nullable=False, comment="the first offset that is not consumed"),
        sa.Column(
            "claims", sa.Integer, nullable=False, server_default="0", comment="since the last commit or good-bye"
        ),
        sa.Column("suspect_end", sa.BigInteger, comment="up to here messages go one by one"),
        sa.Column("trying", sa.BigInteger, comment="the offset that was announced last"),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0", comment="how often it was announced"),
        sa.PrimaryKeyConstraint("topic", "partition", name="pk_positions"),
        sa.CheckConstraint("next_offset >= 0 AND epoch >= 0", name=op.f("ck_positions_not_negative")),
        comment="The truth about what has been consumed of each partition",
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "outbox",
        sa.Column("row_id", sa.Uuid, nullable=False, server_default=sa.text("gen_random_uuid()")),
        sa.Column("number", sa.BigInteger, comment="dense and in commit order; given inside COMMIT"),
        sa.Column(
            "frames",
            sa.LargeBinary,
            nullable=False,
            comment="MessagePack: frames in their order; long ones in zlib's format",
        ),
        sa.Column("bytes", sa.Integer, nullable=False, comment="of the frames, before they were compressed"),
        sa.Column("bytes_through", sa.BigInteger, comment="the sum of bytes up to this row"),
        sa.Column("committed_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("row_id", name="pk_outbox"),
        sa.UniqueConstraint("number", name="uq_outbox_number"),
        comment="What transactions want published, a row each; the last one published stays as a witness",
        # Every row is written once and deleted soon: clean up often, by count and not by share.
        postgresql_with={"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "2000"},
    )
    # Long ones come compressed: to try that once more would be for nothing.
    op.execute("ALTER TABLE outbox ALTER COLUMN frames SET STORAGE EXTERNAL")
    op.create_table(
        "outbox_head",
        sa.Column("singleton", sa.Boolean, nullable=False, server_default=sa.text("true")),
        sa.Column("number", sa.BigInteger, nullable=False, server_default="0", comment="the last number given"),
        sa.Column("bytes", sa.BigInteger, nullable=False, server_default="0", comment="the sum of all bytes ever"),
        sa.Column(
            "started", sa.Boolean, nullable=False, server_default=sa.text("false"), comment="a cursor was published"
        ),
        sa.Column("transactional_id", sa.Text, comment="the relay's; it never changes"),
        sa.Column("command_secret", sa.LargeBinary, comment="signs ids of commands, unless settings have one"),
        sa.PrimaryKeyConstraint("singleton", name="pk_outbox_head"),
        sa.CheckConstraint("singleton", name=op.f("ck_outbox_head_one_row")),
        comment="The lock under which numbers are given",
        postgresql_with={"fillfactor": "10"},
    )
    op.create_table(
        "topics",
        sa.Column("topic", C_TEXT, nullable=False),
        sa.Column("topic_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("topic", name="pk_topics"),
        comment="The ids that the topics written to had when they were first seen",
    )
    op.create_table(
        "oversized",
        sa.Column("topic", C_TEXT, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("topic", "partition", "offset", name="pk_oversized"),
        comment="Values of dead letters that no topic takes",
    )
    op.create_table(
        "dead_letters",
        sa.Column("topic", C_TEXT, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False, comment="of the message that could not be applied"),
        sa.Column("topic_id", sa.Text, nullable=False, comment="the position row's when it was consumed"),
        sa.Column("epoch", sa.BigInteger, nullable=False, comment="likewise"),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("topic", "partition", "offset", name="pk_dead_letters"),
        comment="What became dead letters, for those who ask for their command; the letters themselves are in Kafka",
    )
    # Rows come in the order of time and are deleted in it: a few bytes for each stretch of the table say where.
    op.create_index("ix_dead_letters_written_at", "dead_letters", ["written_at"], postgresql_using="brin")
    op.create_table(
        "dead_letters_trimmed",
        sa.Column("topic", C_TEXT, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("topic_id", sa.Text, nullable=False),
        sa.Column("known_from", sa.BigInteger, nullable=False, comment="below it dead letters have been forgotten"),
        sa.PrimaryKeyConstraint("topic", "partition", "topic_id", name="pk_dead_letters_trimmed"),
        comment="How far back the table dead_letters knows all",
    )
    op.create_table(
        "position_moves",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("moved_by", sa.Text, nullable=False, server_default=sa.text("session_user")),
        sa.Column("reason", sa.Text, nullable=False, comment="in the words of whoever moved it"),
        sa.Column("topic", C_TEXT, nullable=False),
        sa.Column("partition", sa.Integer, comment="null: of the published cursor, or of the id of a topic written to"),
        sa.Column("from_offset", sa.BigInteger, comment="null: there was no row"),
        sa.Column("to_offset", sa.BigInteger),
        sa.Column("group_from", C_TEXT),
        sa.Column("group_to", C_TEXT),
        sa.Column("epoch", sa.BigInteger, comment="the row's from then on"),
        sa.Column("topic_id_from", sa.Text),
        sa.Column("topic_id_to", sa.Text),
        sa.Column("published_from", sa.BigInteger, comment="the cursor's number; null: there was none to be read"),
        sa.Column("published_to", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_position_moves"),
        comment="What operators moved, and why",
    )
    op.create_table(
        "passed_rows",
        sa.Column("move_id", sa.BigInteger, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("frames", sa.LargeBinary, nullable=False, comment="as the outbox had them"),
        sa.PrimaryKeyConstraint("move_id", "number", name="pk_passed_rows"),
        sa.ForeignKeyConstraint(
            ["move_id"], ["position_moves.id"], name="fk_passed_rows_move_id_position_moves", ondelete="CASCADE"
        ),
        comment="Outbox rows that a move of the published cursor skipped, or has published again",
    )
    op.create_table(
        "purges",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("before", sa.DateTime(timezone=True), nullable=False, comment="what was older was forgotten"),
        sa.Column("purged_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("purged_by", sa.Text, nullable=False, server_default=sa.text("session_user")),
        sa.Column("finished_at", sa.DateTime(timezone=True), comment="null: it is under way, or was interrupted"),
        sa.Column(
            "forgotten",
            postgresql.JSONB,
            nullable=False,
            server_default=sa.text("'{}'"),
            comment="how many of each kind; grows with each transaction of the run",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_purges"),
        comment="What was forgotten on purpose, run by run",
    )
    op.create_table(
        "schema_compatibility",
        sa.Column("singleton", sa.Boolean, nullable=False, server_default=sa.text("true")),
        sa.Column(
            "compatible_from",
            sa.Text,
            nullable=False,
            comment="the oldest revision whose code works on this schema",
        ),
        sa.PrimaryKeyConstraint("singleton", name="pk_schema_compatibility"),
        sa.CheckConstraint("singleton", name=op.f("ck_schema_compatibility_one_row")),
    )
    # Row 0 stands for "nothing yet": it is the first cursor's witness, and has no frames. It comes before the trigger.
    op.execute("INSERT INTO outbox_head DEFAULT VALUES")
    op.execute(
        "INSERT INTO outbox (number, frames, bytes, bytes_through, committed_at) VALUES (0, '\\x90', 0, 0, now())"
    )
    op.execute("INSERT INTO schema_compatibility (compatible_from) VALUES ('0001')")
    op.execute(NUMBER)
    op.execute(TRIGGER)


def downgrade() -> None:
    tables = (
        "schema_compatibility",
        "purges",
        "passed_rows",
        "position_moves",
        "dead_letters_trimmed",
        "dead_letters",
        "oversized",
        "topics",
        "outbox_head",
        "outbox",
        "positions",
    )
    for table in tables:
        op.drop_table(table)
    op.execute("DROP FUNCTION give_outbox_number")
