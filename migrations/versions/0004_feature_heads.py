"""The newest feature row of every stream, for the snapshot that decisions are made from."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LOSES = ("the newest feature rows, which come back with the next candles",)


def upgrade() -> None:
    op.create_table(
        "feature_heads",
        sa.Column("venue", sa.Text, primary_key=True),
        sa.Column("symbol", sa.Text, primary_key=True),
        sa.Column("interval", sa.Text, primary_key=True),
        sa.Column("opened_at_ms", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("schema_hash", sa.Text, nullable=False),
        sa.Column("set_id", sa.Text, nullable=False),
        sa.Column("values", sa.Text, nullable=False),
        sa.Column("missing", sa.Text, nullable=False),
        sa.Column("regime", sa.Text),
        sa.Column("regime_confidence", sa.Float(53)),
        sa.Column("generation", sa.BigInteger, nullable=False),
    )
    op.create_index("feature_heads_by_generation", "feature_heads", ["generation"])


def downgrade() -> None:
    op.drop_table("feature_heads")
