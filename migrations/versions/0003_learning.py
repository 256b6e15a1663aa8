"""What learning needs: lessons beside outcomes, learners with their former states, adaptations, jobs.

And which days of outcomes have changed, so that performance is told without reading all of them again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

LOSES = (
    "everything that was learned: the state of every learner, and the explanations of all adaptations",
    "what each outcome taught, which corrections it had, and which outcomes were released from quarantine",
    "jobs and their results",
)

ADDED = (
    ("lesson", sa.Text()),
    ("released_at_ms", sa.BigInteger()),
    ("superseded_by", sa.Text()),
    ("learned_at_ms", sa.BigInteger()),
    ("pooled_at_ms", sa.BigInteger()),
    ("percent_per_r", sa.Float()),
)

FOUND_BY = (
    (
        "outcomes_not_learned",
        ("user_id", "symbol", "effective_at_ms", "id"),
        "lesson IS NOT NULL AND learned_at_ms IS NULL",
    ),
    ("outcomes_not_pooled", ("user_id", "effective_at_ms", "id"), "lesson IS NOT NULL AND pooled_at_ms IS NULL"),
    ("outcomes_in_quarantine", ("user_id", "received_at_ms"), "quarantined IS NOT NULL"),
    ("outcomes_by_decision", ("user_id", "matched_decision_id", "accepted"), "matched_decision_id IS NOT NULL"),
    ("outcomes_by_replacement", ("user_id", "superseded_by"), "superseded_by IS NOT NULL"),
    ("outcomes_by_correction", ("user_id", "corrects"), "corrects IS NOT NULL"),
    ("outcomes_unmatched", ("received_at_ms", "id"), "match = 'none'"),
)


STAMP_DAYS = """
    INSERT INTO outcome_days (user_id, day, stamp)
    SELECT user_id, (effective_at_ms - (effective_at_ms % 86400000 + 86400000) % 86400000) / 86400000 AS day, MAX(id)
    FROM outcomes GROUP BY user_id, day
"""
"""In whole days downwards, also before 1970, where a plain division would go upwards."""


def upgrade() -> None:
    for name, kind in ADDED:
        op.add_column("outcomes", sa.Column(name, kind))
    op.create_index("outcomes_by_symbol", "outcomes", ["user_id", "symbol", "effective_at_ms", "id"])
    for index, columns, condition in FOUND_BY:
        op.create_index(
            index,
            "outcomes",
            list(columns),
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
    op.create_table(
        "outcome_days",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True),
        sa.Column("stamp", sa.BigInteger, nullable=False),
    )
    op.execute(STAMP_DAYS)
    op.create_table(
        "learners",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("symbol", sa.Text, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("state", sa.LargeBinary),
        sa.Column("adapted_at_ms", sa.BigInteger, nullable=False),
        sa.Column("held_until_ms", sa.BigInteger, nullable=False),
        sa.Column("frozen", sa.Text),
        sa.Column("last", sa.Text),
    )
    op.create_table(
        "learner_states",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("symbol", sa.Text, primary_key=True),
        sa.Column("thresholds_revision", sa.Integer, primary_key=True),
        sa.Column("state", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "adaptations",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("revision_before", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("explanation", sa.Text, nullable=False),
        sa.Column("undone_by", sa.Integer),
    )
    op.create_index("adaptations_by_scope", "adaptations", ["user_id", "symbol", "revision"])
    op.create_index("adaptations_by_time", "adaptations", ["user_id", "at_ms"])
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer),
        sa.Column("result", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("started_at_ms", sa.BigInteger),
        sa.Column("ended_at_ms", sa.BigInteger),
        sa.Column("cancel_asked", sa.Boolean, nullable=False),
    )
    op.create_index("jobs_by_time", "jobs", ["created_at_ms"])


def downgrade() -> None:
    for table in ("jobs", "adaptations", "learner_states", "learners", "outcome_days"):
        op.drop_table(table)
    for index, _, _ in FOUND_BY:
        op.drop_index(index, "outcomes")
    op.drop_index("outcomes_by_symbol", "outcomes")
    for name, _ in reversed(ADDED):
        op.drop_column("outcomes", name)
