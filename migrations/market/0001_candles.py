"""Candles by stream, the feature rows made of them, and every schema that such rows ever had."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LOSES = ("all candles, and the feature rows that decisions name",)

VALUES = ("open", "high", "low", "close", "volume")
MAYBE = ("taker_buy", "best_bid", "best_ask", "bid_top", "ask_top", "bid_ten", "ask_ten")


def upgrade() -> None:
    op.create_table(
        "streams",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("interval", sa.Text, nullable=False),
        sa.Column("volume_unit", sa.Text),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.UniqueConstraint("venue", "symbol", "interval"),
    )
    create_candles()
    op.create_table(
        "feature_rows",
        sa.Column("stream_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("opened_at_ms", sa.BigInteger, primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("set_id", sa.Text, nullable=False),
        sa.Column("schema_hash", sa.Text, nullable=False),
        sa.Column("values", sa.LargeBinary, nullable=False),
        sa.Column("regime", sa.Text),
        sa.Column("regime_confidence", sa.Float(53)),
        sa.Column("made_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "feature_schemas",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("names", sa.Text, nullable=False),
        sa.Column("first_seen_ms", sa.BigInteger, nullable=False),
    )


def create_candles() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    columns = ["stream_id INTEGER NOT NULL", "opened_at_ms BIGINT NOT NULL"]
    columns += [f"{name} DOUBLE PRECISION NOT NULL" for name in VALUES]
    columns += [f"{name} DOUBLE PRECISION" for name in MAYBE]
    shape = ",\n  ".join([*columns, "PRIMARY KEY (stream_id, opened_at_ms)"])
    # Without a row number of its own, a candle lies where its stream and its time say, and costs half as much.
    op.execute(
        f"CREATE TABLE candles (\n  {shape}\n) {'PARTITION BY RANGE (opened_at_ms)' if postgres else 'WITHOUT ROWID'}"
    )
    if postgres:
        op.execute("CREATE TABLE candles_default PARTITION OF candles DEFAULT")


def downgrade() -> None:
    for table in ("feature_schemas", "feature_rows", "candles", "streams"):
        op.drop_table(table)
