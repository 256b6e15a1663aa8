"""The tables, as SQLAlchemy sees them. Migrations build them; a test keeps the two equal.

Times are integer milliseconds in UTC. JSON is canonical text (sorted keys), so that it can be hashed.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()

Counter = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts rows only in a column declared INTEGER."""

store_facts = Table(
    "store_facts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

generations = Table(
    "generations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

thresholds = Table(
    "thresholds",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("limits", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("settings_hash", Text, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
)

threshold_heads = Table(
    "threshold_heads",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Index("threshold_heads_by_generation", "generation"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("evaluated_at_ms", BigInteger, primary_key=True),
    Column("decision_id", Text, primary_key=True),
    Column("symbol", Text, nullable=False),
    Column("action", Text),
    Column("decision", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("thresholds_symbol", Text, nullable=False),
    Column("thresholds_revision", Integer, nullable=False),
    Column("settings_hash", Text, nullable=False),
    Column("model_id", Text),
    Column("model_version", Text),
    Column("regime", Text),
    Column("probability", Float),
    Column("feature_schema", Text),
    Column("features", Text),
    Column("signal_id", Text),
    Column("input", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("processing_us", Integer, nullable=False),
    Column("row_hash", LargeBinary, nullable=False),
    Index("decisions_by_time", "evaluated_at_ms"),
)
Index(
    "decisions_by_signal",
    decisions.c.user_id,
    decisions.c.signal_id,
    sqlite_where=decisions.c.signal_id.is_not(None),
    postgresql_where=decisions.c.signal_id.is_not(None),
)

decision_keys = Table(
    "decision_keys",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("decision_id", Text, primary_key=True),
    Column("evaluated_at_ms", BigInteger, nullable=False),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True),
    Column("user_id", Text, nullable=False),
    Column("trade_id", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("side", Text),
    Column("pnl", Float),
    Column("pnl_percent", Float),
    Column("fees", Float),
    Column("entry_price", Float),
    Column("exit_price", Float),
    Column("quantity", Float),
    Column("risk", Float),
    Column("opened_at_ms", BigInteger),
    Column("closed_at_ms", BigInteger),
    Column("effective_at_ms", BigInteger, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("decision_id", Text),
    Column("signal_id", Text),
    Column("corrects", Text),
    Column("source", Text, nullable=False),
    Column("match", Text, nullable=False),
    Column("matched_decision_id", Text),
    Column("quarantined", Text),
    Column("details", Text),
    Column("lesson", Text),
    Column("released_at_ms", BigInteger),
    Column("superseded_by", Text),
    Column("learned_at_ms", BigInteger),
    Column("pooled_at_ms", BigInteger),
    Column("percent_per_r", Float),
    Index("outcomes_by_trade", "user_id", "trade_id", unique=True),
    Index("outcomes_by_time", "user_id", "effective_at_ms", "id"),
    Index("outcomes_by_symbol", "user_id", "symbol", "effective_at_ms", "id"),
)

TEACHES = outcomes.c.lesson.is_not(None)
for name, columns, condition in (
    ("outcomes_not_learned", ("symbol", "effective_at_ms", "id"), TEACHES & outcomes.c.learned_at_ms.is_(None)),
    ("outcomes_not_pooled", ("effective_at_ms", "id"), TEACHES & outcomes.c.pooled_at_ms.is_(None)),
    ("outcomes_in_quarantine", ("received_at_ms",), outcomes.c.quarantined.is_not(None)),
    ("outcomes_by_decision", ("matched_decision_id", "accepted"), outcomes.c.matched_decision_id.is_not(None)),
    ("outcomes_by_replacement", ("superseded_by",), outcomes.c.superseded_by.is_not(None)),
    ("outcomes_by_correction", ("corrects",), outcomes.c.corrects.is_not(None)),
):
    Index(
        name,
        outcomes.c.user_id,
        *(outcomes.c[column] for column in columns),
        sqlite_where=condition,
        postgresql_where=condition,
    )
Index(
    "outcomes_unmatched",
    outcomes.c.received_at_ms,
    outcomes.c.id,
    sqlite_where=outcomes.c.match == "none",
    postgresql_where=outcomes.c.match == "none",
)

outcome_keys = Table(
    "outcome_keys",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("trade_id", Text, primary_key=True),
    Column("body_hash", LargeBinary, nullable=False),
)

outcome_days = Table(
    "outcome_days",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("stamp", BigInteger, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("handled_at_ms", BigInteger),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_ms", BigInteger, nullable=False, server_default="0"),
    Column("set_aside", Boolean, nullable=False, server_default="0"),
    Column("error", Text),
)
Index(
    "events_waiting",
    events.c.id,
    sqlite_where=events.c.handled_at_ms.is_(None),
    postgresql_where=events.c.handled_at_ms.is_(None),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("users", Text),
    Column("name", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger),
    Column("revoked_at_ms", BigInteger),
    Column("generation", BigInteger, nullable=False),
)

kill_switches = Table(
    "kill_switches",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("on", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

settings_documents = Table(
    "settings_documents",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("document", Text, nullable=False),
    Column("first_seen_ms", BigInteger, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("caller", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body_hash", Text, nullable=False),
    Column("status", Integer),
    Column("answer", Text),
    Column("created_at_ms", BigInteger, nullable=False),
    Index("idempotency_by_time", "created_at_ms"),
)

journal_conflicts = Table(
    "journal_conflicts",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("record_id", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("found_at_ms", BigInteger, nullable=False),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

learners = Table(
    "learners",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("state", LargeBinary),
    Column("adapted_at_ms", BigInteger, nullable=False),
    Column("held_until_ms", BigInteger, nullable=False),
    Column("frozen", Text),
    Column("last", Text),
)

learner_states = Table(
    "learner_states",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("thresholds_revision", Integer, primary_key=True),
    Column("state", LargeBinary, nullable=False),
)

adaptations = Table(
    "adaptations",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("symbol", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("revision_before", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("explanation", Text, nullable=False),
    Column("undone_by", Integer),
    Index("adaptations_by_scope", "user_id", "symbol", "revision"),
    Index("adaptations_by_time", "user_id", "at_ms"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer),
    Column("result", Text),
    Column("error", Text),
    Column("actor", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("started_at_ms", BigInteger),
    Column("ended_at_ms", BigInteger),
    Column("cancel_asked", Boolean, nullable=False),
    Index("jobs_by_time", "created_at_ms"),
)

feature_heads = Table(
    "feature_heads",
    metadata,
    Column("venue", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("interval", Text, primary_key=True),
    Column("opened_at_ms", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("schema_hash", Text, nullable=False),
    Column("set_id", Text, nullable=False),
    Column("values", Text, nullable=False),
    Column("missing", Text, nullable=False),
    Column("regime", Text),
    Column("regime_confidence", Float(53)),
    Column("generation", BigInteger, nullable=False),
    Index("feature_heads_by_generation", "generation"),
)

model_registry = Table(
    "model_registry",
    metadata,
    Column("model_id", Text, primary_key=True),
    Column("model_type", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("regime", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("schema_hash", Text, nullable=False),
    Column("native_sha256", Text),
    Column("native_bytes", BigInteger),
    Column("onnx_sha256", Text),
    Column("onnx_bytes", BigInteger),
    Column("parent", Text),
    Column("reason", Text),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("promoted_at_ms", BigInteger),
    Column("retired_at_ms", BigInteger),
    Column("expires_at_ms", BigInteger),
    Column("archived_at_ms", BigInteger),
    Column("metrics", Text, nullable=False),
    Column("signature", Text),
    # Long, and so the last one: a list never reads that far.
    Column("manifest", Text),
    Index("model_registry_by_version", "model_type", "symbol", "regime", "version", unique=True),
    Index("model_registry_by_time", "created_at_ms", "model_id"),
    Index("model_registry_by_status", "status", "created_at_ms", "model_id"),
)
Index(
    "model_registry_one_active",
    model_registry.c.model_type,
    model_registry.c.symbol,
    model_registry.c.regime,
    unique=True,
    sqlite_where=model_registry.c.status == "ACTIVE",
    postgresql_where=model_registry.c.status == "ACTIVE",
)

model_sets = Table(
    "model_sets",
    metadata,
    Column("set_id", Text, primary_key=True),
    Column("symbol", Text, nullable=False),
    Column("regime", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("schema_hash", Text, nullable=False),
    Column("graph_sha256", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger),
    Column("archived_at_ms", BigInteger),
    Column("signature", Text, nullable=False),
    Column("document", Text, nullable=False),
    Index("model_sets_by_version", "symbol", "regime", "version", unique=True),
    Index("model_sets_by_time", "created_at_ms", "set_id"),
)

model_set_members = Table(
    "model_set_members",
    metadata,
    Column("set_id", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("model_id", Text, nullable=False),
    Index("model_set_members_by_model", "model_id"),
)

champions = Table(
    "champions",
    metadata,
    Column("symbol", Text, primary_key=True),
    Column("regime", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("set_id", Text),
    Column("generation", BigInteger, nullable=False),
    Index("champions_by_generation", "generation"),
)

champion_history = Table(
    "champion_history",
    metadata,
    Column("symbol", Text, primary_key=True),
    Column("regime", Text, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("set_id", Text),
    Column("step", Text, nullable=False),
    Column("former", Integer),
    Column("since_ms", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("champion_history_by_time", "since_ms"),
    Index("champion_history_by_set", "set_id"),
)

model_performance_logs = Table(
    "model_performance_logs",
    metadata,
    Column("model_id", Text, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
    Column("predictions", Integer, nullable=False),
    Column("resolved", Integer, nullable=False),
    Column("log_loss", Float(53)),
    Column("brier_score", Float(53)),
    Column("calibration_error", Float(53)),
    Column("win_rate", Float(53)),
    Column("details", Text),
)

shadow_test_results = Table(
    "shadow_test_results",
    metadata,
    Column("model_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("decision_id", Text, primary_key=True),
    Column("decided_at_ms", BigInteger, nullable=False),
    Column("probability", Float(53), nullable=False),
    Column("resolved_at_ms", BigInteger),
    Column("paid", Boolean),
    Column("utility", Float(53)),
    Index("shadow_test_results_by_time", "decided_at_ms"),
)

rl_versions = Table(
    "rl_versions",
    metadata,
    Column("version_id", Text, primary_key=True),
    Column("agent", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("metrics", Text, nullable=False),
    Column("signature", Text),
    Column("manifest", Text),
    Index("rl_versions_by_version", "agent", "version", unique=True),
)

drift_events = Table(
    "drift_events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("found_at_ms", BigInteger, nullable=False),
    Column("model_id", Text),
    Column("symbol", Text, nullable=False),
    Column("regime", Text),
    Column("test", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("statistic", Float(53)),
    Column("p_value", Float(53)),
    Column("action", Text),
    Column("details", Text),
    Index("drift_events_by_time", "found_at_ms"),
)
