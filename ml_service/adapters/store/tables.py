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
