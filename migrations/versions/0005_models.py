"""Models: every version, the sets they speak in, who serves where since when, and how they fare."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LOSES = (
    "the registry of models and sets, and the history of who served when; their files stay on the shelf",
    "what was logged of models' performance, of shadow tests, of agents and of drift",
)

VIEWS = {
    "active_models_summary": """
        SELECT m.model_id, m.model_type, m.symbol, m.regime, m.version, m.schema_hash, m.metrics,
               m.promoted_at_ms, m.expires_at_ms, c.set_id, c.revision
        FROM model_registry m LEFT JOIN champions c ON c.symbol = m.symbol AND c.regime = m.regime
        WHERE m.status = 'ACTIVE'
    """,
    "shadow_models_summary": """
        SELECT m.model_id, m.model_type, m.symbol, m.regime, m.version, m.schema_hash, m.metrics,
               m.created_at_ms, m.expires_at_ms, COALESCE(r.results, 0) AS results,
               COALESCE(r.resolved, 0) AS resolved, r.last_decided_at_ms
        FROM model_registry m
        LEFT JOIN (
            SELECT model_id, COUNT(*) AS results, COUNT(resolved_at_ms) AS resolved,
                   MAX(decided_at_ms) AS last_decided_at_ms
            FROM shadow_test_results GROUP BY model_id
        ) r ON r.model_id = m.model_id
        WHERE m.status = 'SHADOW'
    """,
    "recent_drift_events": """
        SELECT * FROM drift_events
        WHERE found_at_ms > (SELECT MAX(found_at_ms) FROM drift_events) - 2592000000
    """,
    "model_performance_dashboard": """
        SELECT m.model_type, m.symbol, m.regime, m.version, m.status, l.*
        FROM model_performance_logs l JOIN model_registry m ON m.model_id = l.model_id
        WHERE l.at_ms = (SELECT MAX(newest.at_ms) FROM model_performance_logs newest WHERE newest.model_id = l.model_id)
    """,
    "retraining_jobs": """
        SELECT id AS job_id, kind, state, done, total, request, result, error, actor,
               created_at_ms, started_at_ms, ended_at_ms
        FROM jobs WHERE kind IN ('train', 'retrain', 'search')
    """,
}
"""Times are milliseconds, as in the tables; the last 30 days of drift end with the newest that was found."""


def upgrade() -> None:
    op.create_table(
        "model_registry",
        sa.Column("model_id", sa.Text, primary_key=True),
        sa.Column("model_type", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("regime", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("schema_hash", sa.Text, nullable=False),
        sa.Column("native_sha256", sa.Text),
        sa.Column("native_bytes", sa.BigInteger),
        sa.Column("onnx_sha256", sa.Text),
        sa.Column("onnx_bytes", sa.BigInteger),
        sa.Column("parent", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("promoted_at_ms", sa.BigInteger),
        sa.Column("retired_at_ms", sa.BigInteger),
        sa.Column("expires_at_ms", sa.BigInteger),
        sa.Column("archived_at_ms", sa.BigInteger),
        sa.Column("metrics", sa.Text, nullable=False),
        sa.Column("signature", sa.Text),
        sa.Column("manifest", sa.Text),
    )
    slot = ["model_type", "symbol", "regime"]
    op.create_index("model_registry_by_version", "model_registry", [*slot, "version"], unique=True)
    op.create_index(
        "model_registry_one_active",
        "model_registry",
        slot,
        unique=True,
        sqlite_where=sa.text("status = 'ACTIVE'"),
        postgresql_where=sa.text("status = 'ACTIVE'"),
    )
    op.create_index("model_registry_by_time", "model_registry", ["created_at_ms", "model_id"])
    op.create_index("model_registry_by_status", "model_registry", ["status", "created_at_ms", "model_id"])
    create_sets()
    create_logs()
    for name, query in VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {query}")


def create_sets() -> None:
    op.create_table(
        "model_sets",
        sa.Column("set_id", sa.Text, primary_key=True),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("regime", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("schema_hash", sa.Text, nullable=False),
        sa.Column("graph_sha256", sa.Text, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger),
        sa.Column("archived_at_ms", sa.BigInteger),
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("model_sets_by_version", "model_sets", ["symbol", "regime", "version"], unique=True)
    op.create_index("model_sets_by_time", "model_sets", ["created_at_ms", "set_id"])
    op.create_table(
        "model_set_members",
        sa.Column("set_id", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("model_id", sa.Text, nullable=False),
    )
    op.create_index("model_set_members_by_model", "model_set_members", ["model_id"])
    op.create_table(
        "champions",
        sa.Column("symbol", sa.Text, primary_key=True),
        sa.Column("regime", sa.Text, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("set_id", sa.Text),
        sa.Column("generation", sa.BigInteger, nullable=False),
    )
    op.create_index("champions_by_generation", "champions", ["generation"])
    op.create_table(
        "champion_history",
        sa.Column("symbol", sa.Text, primary_key=True),
        sa.Column("regime", sa.Text, primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("set_id", sa.Text),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("former", sa.Integer),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("champion_history_by_time", "champion_history", ["since_ms"])
    op.create_index("champion_history_by_set", "champion_history", ["set_id"])


def create_logs() -> None:
    op.create_table(
        "model_performance_logs",
        sa.Column("model_id", sa.Text, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, primary_key=True),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("predictions", sa.Integer, nullable=False),
        sa.Column("resolved", sa.Integer, nullable=False),
        sa.Column("log_loss", sa.Float(53)),
        sa.Column("brier_score", sa.Float(53)),
        sa.Column("calibration_error", sa.Float(53)),
        sa.Column("win_rate", sa.Float(53)),
        sa.Column("details", sa.Text),
    )
    op.create_table(
        "shadow_test_results",
        sa.Column("model_id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("decision_id", sa.Text, primary_key=True),
        sa.Column("decided_at_ms", sa.BigInteger, nullable=False),
        sa.Column("probability", sa.Float(53), nullable=False),
        sa.Column("resolved_at_ms", sa.BigInteger),
        sa.Column("paid", sa.Boolean),
        sa.Column("utility", sa.Float(53)),
    )
    op.create_index("shadow_test_results_by_time", "shadow_test_results", ["decided_at_ms"])
    op.create_table(
        "rl_versions",
        sa.Column("version_id", sa.Text, primary_key=True),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("metrics", sa.Text, nullable=False),
        sa.Column("signature", sa.Text),
        sa.Column("manifest", sa.Text),
    )
    op.create_index("rl_versions_by_version", "rl_versions", ["agent", "version"], unique=True)
    op.create_table(
        "drift_events",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("found_at_ms", sa.BigInteger, nullable=False),
        sa.Column("model_id", sa.Text),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("regime", sa.Text),
        sa.Column("test", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("statistic", sa.Float(53)),
        sa.Column("p_value", sa.Float(53)),
        sa.Column("action", sa.Text),
        sa.Column("details", sa.Text),
    )
    op.create_index("drift_events_by_time", "drift_events", ["found_at_ms"])


def downgrade() -> None:
    for view in VIEWS:
        op.execute(f"DROP VIEW {view}")
    for table in (
        "drift_events",
        "rl_versions",
        "shadow_test_results",
        "model_performance_logs",
        "champion_history",
        "champions",
        "model_set_members",
        "model_sets",
        "model_registry",
    ):
        op.drop_table(table)
