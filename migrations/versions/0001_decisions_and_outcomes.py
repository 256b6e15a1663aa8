"""Thresholds with every revision, decisions, outcomes, and the facts about them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LOSES = ("all thresholds, decisions, outcomes and events",)

COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

DECISION_COLUMNS = (
    ("user_id", "TEXT NOT NULL"),
    ("evaluated_at_ms", "BIGINT NOT NULL"),
    ("decision_id", "TEXT NOT NULL"),
    ("symbol", "TEXT NOT NULL"),
    ("action", "TEXT"),
    ("decision", "TEXT NOT NULL"),
    ("code", "TEXT NOT NULL"),
    ("thresholds_symbol", "TEXT NOT NULL"),
    ("thresholds_revision", "INTEGER NOT NULL"),
    ("settings_hash", "TEXT NOT NULL"),
    ("model_id", "TEXT"),
    ("model_version", "TEXT"),
    ("regime", "TEXT"),
    ("probability", "DOUBLE PRECISION"),
    ("feature_schema", "TEXT"),
    ("features", "TEXT"),
    ("signal_id", "TEXT"),
    ("input", "TEXT NOT NULL"),
    ("result", "TEXT NOT NULL"),
    ("processing_us", "INTEGER NOT NULL"),
    ("row_hash", "{bytes} NOT NULL"),
)


def upgrade() -> None:
    op.create_table(
        "store_facts",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "generations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "thresholds",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("symbol", sa.Text, primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("limits", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("settings_hash", sa.Text, nullable=False),
        sa.Column("changed_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "threshold_heads",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("symbol", sa.Text, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
    )
    op.create_index("threshold_heads_by_generation", "threshold_heads", ["generation"])
    create_decisions()
    op.create_table(
        "decision_keys",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("decision_id", sa.Text, primary_key=True),
        sa.Column("evaluated_at_ms", sa.BigInteger, nullable=False),
    )
    create_outcomes()
    op.create_table(
        "events",
        sa.Column("id", COUNTER, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("handled_at_ms", sa.BigInteger),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_attempt_ms", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("set_aside", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("error", sa.Text),
    )
    waiting = sa.text("handled_at_ms IS NULL")
    op.create_index("events_waiting", "events", ["id"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_table(
        "settings_documents",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("first_seen_ms", sa.BigInteger, nullable=False),
    )


def create_decisions() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    binary = "BYTEA" if postgres else "BLOB"
    columns = ",\n  ".join(f"{name} {kind.format(bytes=binary)}" for name, kind in DECISION_COLUMNS)
    key = "PRIMARY KEY (user_id, evaluated_at_ms, decision_id)"
    if not postgres:
        op.execute(f"CREATE TABLE decisions (\n  {columns},\n  {key}\n)")
        op.execute("CREATE INDEX decisions_by_time ON decisions (evaluated_at_ms)")
    else:
        op.execute(f"CREATE TABLE decisions (\n  {columns},\n  {key}\n) PARTITION BY RANGE (evaluated_at_ms)")
        op.execute("CREATE TABLE decisions_default PARTITION OF decisions DEFAULT")
        # Rows arrive in time order, so a few bytes per block range find a time span; a tree would cost a write each.
        op.execute("CREATE INDEX decisions_by_time ON decisions USING brin (evaluated_at_ms) WITH (autosummarize = on)")
    op.execute("CREATE INDEX decisions_by_signal ON decisions (user_id, signal_id) WHERE signal_id IS NOT NULL")


def create_outcomes() -> None:
    op.create_table(
        "outcomes",
        sa.Column("id", COUNTER, primary_key=True, autoincrement=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("trade_id", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("accepted", sa.Boolean, nullable=False),
        sa.Column("side", sa.Text),
        sa.Column("pnl", sa.Float(53)),
        sa.Column("pnl_percent", sa.Float(53)),
        sa.Column("fees", sa.Float(53)),
        sa.Column("entry_price", sa.Float(53)),
        sa.Column("exit_price", sa.Float(53)),
        sa.Column("quantity", sa.Float(53)),
        sa.Column("risk", sa.Float(53)),
        sa.Column("opened_at_ms", sa.BigInteger),
        sa.Column("closed_at_ms", sa.BigInteger),
        sa.Column("effective_at_ms", sa.BigInteger, nullable=False),
        sa.Column("received_at_ms", sa.BigInteger, nullable=False),
        sa.Column("decision_id", sa.Text),
        sa.Column("signal_id", sa.Text),
        sa.Column("corrects", sa.Text),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("match", sa.Text, nullable=False),
        sa.Column("matched_decision_id", sa.Text),
        sa.Column("quarantined", sa.Text),
        sa.Column("details", sa.Text),
    )
    op.create_index("outcomes_by_trade", "outcomes", ["user_id", "trade_id"], unique=True)
    op.create_index("outcomes_by_time", "outcomes", ["user_id", "effective_at_ms", "id"])
    op.create_table(
        "outcome_keys",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("trade_id", sa.Text, primary_key=True),
        sa.Column("body_hash", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    for table in (
        "settings_documents",
        "events",
        "outcome_keys",
        "outcomes",
        "decision_keys",
        "decisions",
        "threshold_heads",
        "thresholds",
        "generations",
        "store_facts",
    ):
        op.drop_table(table)
