"""Decisions and outcomes as rows, and back. What is hashed is canonical JSON, so it is the same everywhere."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from ml_service.domain.gate import CODES, carried_value
from ml_service.domain.lessons import Lesson
from ml_service.domain.market.candles import Stream
from ml_service.domain.market.feature_rows import FeaturesUsed
from ml_service.domain.outcomes import Outcome, StoredOutcome
from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.types import (
    Decision,
    Forecast,
    MemberFigure,
    ModelStatus,
    Reason,
    ReasonVerdict,
    Signal,
    Thresholds,
    Verdict,
)

Row = Mapping[Any, Any]
"""A row as SQLAlchemy hands it out, or a dictionary of the same form."""


def canonical(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def decision_row(decision: Decision) -> dict[str, Any]:
    signal, verdict, forecast = decision.signal, decision.verdict, decision.forecast
    row: dict[str, Any] = {
        "user_id": decision.user_id,
        "evaluated_at_ms": decision.evaluated_at_ms,
        "decision_id": decision.decision_id,
        "symbol": signal.symbol,
        "action": signal.action,
        "decision": verdict.decision,
        "code": verdict.code,
        "thresholds_symbol": decision.thresholds.symbol,
        "thresholds_revision": decision.thresholds.revision,
        "settings_hash": decision.settings_hash,
        "model_id": forecast.model_id if forecast else None,
        "model_version": forecast.version if forecast else None,
        "regime": decision.regime,
        "probability": forecast.probability if forecast else None,
        "feature_schema": decision.features.schema_hash if decision.features else None,
        "features": features_document(decision.features) if decision.features else None,
        "signal_id": signal.details.get("signal_id"),
        "input": canonical(signal_document(signal)),
        "result": canonical(result_document(decision)),
        "processing_us": decision.processing_us,
    }
    row["row_hash"] = row_hash(row)
    return row


def row_hash(row: Row) -> bytes:
    content = orjson.dumps([row[name] for name in HASHED])
    return hashlib.sha256(content).digest()


HASHED = (
    "user_id",
    "evaluated_at_ms",
    "decision_id",
    "symbol",
    "action",
    "decision",
    "code",
    "thresholds_symbol",
    "thresholds_revision",
    "settings_hash",
    "model_id",
    "model_version",
    "regime",
    "probability",
    "feature_schema",
    "features",
    "signal_id",
    "input",
    "result",
    "processing_us",
)


def signal_document(signal: Signal) -> dict[str, Any]:
    document: dict[str, Any] = {"values": signal.values}
    if signal.reduce_only:
        document["reduce_only"] = True
    if signal.details:
        document["details"] = signal.details
    if signal.ignored:
        document["ignored"] = signal.ignored
    return document


def features_document(features: FeaturesUsed) -> str:
    document: dict[str, Any] = {
        "venue": features.stream.venue,
        "interval": features.stream.interval,
        "bar": features.opened_at_ms,
        "set": features.set_id,
        "status": features.status,
    }
    if features.missing:
        document["missing"] = features.missing
    if features.regime is not None:
        document["regime"] = [features.regime, features.regime_confidence]
    return canonical(document)


def features_from(symbol: str, schema_hash: str, text: str) -> FeaturesUsed:
    document = orjson.loads(text)
    regime, confidence = document.get("regime", (None, None))
    return FeaturesUsed(
        stream=Stream(document["venue"], symbol, document["interval"]),
        opened_at_ms=document["bar"],
        schema_hash=schema_hash,
        set_id=document["set"],
        status=document["status"],
        missing=tuple(document.get("missing", ())),
        regime=regime,
        regime_confidence=confidence,
    )


ORDER = tuple(PARAMETERS)
"""Stored decisions rely on it: a new parameter goes to the end."""
SPOKEN: dict[str, ReasonVerdict] = {"p": "pass", "f": "fail", "n": "none"}


def result_document(decision: Decision) -> dict[str, Any]:
    reasons = decision.verdict.reasons
    judged, above = reasons[: len(ORDER)], reasons[len(ORDER) :]
    thresholds = [decision.thresholds.values[name] for name in ORDER]
    document: dict[str, Any] = {"thresholds": thresholds}
    if len(judged) == len(ORDER):
        # One reason per parameter, in order: its value stands in the input, and a letter says what came of it.
        document["judged"] = "".join([reason.verdict[0] for reason in judged])
        limits = [reason.limit for reason in judged]
        if limits != thresholds:
            document["limits"] = limits
        if above:
            document["above"] = [list(reason) for reason in above]
    else:
        document["reasons"] = [list(reason) for reason in reasons]
    if decision.named_by_caller:
        document["named"] = True
    if decision.killed:
        document["killed"] = True
    forecast = decision.forecast
    if forecast is not None and forecast.members:
        document["model"] = {
            "members": [list(member) for member in forecast.members],
            "disagreement": forecast.disagreement,
            "distance": forecast.distance,
        }
    if decision.model_status != usual_status(forecast):
        document["model_status"] = decision.model_status
    if decision.degraded:
        document["degraded"] = decision.degraded
        document["snapshot_age_ms"] = decision.snapshot_age_ms
    return document


def usual_status(forecast: Forecast | None) -> ModelStatus:
    """What goes without saying."""
    return "ok" if forecast is not None else "none"


def forecast_from(row: Row, result: dict[str, Any]) -> Forecast | None:
    """Those of earlier versions name no members."""
    if row["model_id"] is None:
        return None
    told = result.get("model", {})
    return Forecast(
        probability=row["probability"],
        model_id=row["model_id"],
        version=row["model_version"],
        regime=row["regime"],
        members=tuple([MemberFigure(*member) for member in told.get("members", ())]),
        disagreement=told.get("disagreement"),
        distance=told.get("distance"),
    )


def reasons_from(result: dict[str, Any], signal: Signal, forecast: Forecast | None) -> tuple[Reason, ...]:
    if "judged" not in result:
        return tuple(Reason(*reason) for reason in result["reasons"])
    limits = result.get("limits", result["thresholds"])
    reasons = []
    for name, letter, limit in zip(ORDER, result["judged"], limits, strict=False):
        verdict = SPOKEN[letter]
        value = None if verdict == "none" else carried_value(PARAMETERS[name], signal, forecast)
        reasons.append(Reason(CODES[name][verdict], verdict, name, value, limit))
    reasons.extend([Reason(*reason) for reason in result.get("above", ())])
    return tuple(reasons)


def decision_from(row: Row) -> Decision:
    given = orjson.loads(row["input"])
    result = orjson.loads(row["result"])
    forecast = forecast_from(row, result)
    signal = Signal(
        symbol=row["symbol"],
        action=row["action"],
        values=given["values"],
        reduce_only=given.get("reduce_only", False),
        details=given.get("details", {}),
        ignored=given.get("ignored", {}),
    )
    return Decision(
        user_id=row["user_id"],
        decision_id=row["decision_id"],
        named_by_caller=result.get("named", False),
        evaluated_at_ms=row["evaluated_at_ms"],
        signal=signal,
        verdict=Verdict(row["decision"], row["code"], reasons_from(result, signal, forecast)),
        thresholds=Thresholds(
            user_id=row["user_id"],
            symbol=row["thresholds_symbol"],
            revision=row["thresholds_revision"],
            values=dict(zip(ORDER, result["thresholds"], strict=False)),
        ),
        settings_hash=row["settings_hash"],
        forecast=forecast,
        model_status=result.get("model_status", usual_status(forecast)),
        features=features_from(row["symbol"], row["feature_schema"], row["features"]) if row["features"] else None,
        killed=result.get("killed", False),
        degraded=tuple(result.get("degraded", ())),
        snapshot_age_ms=result.get("snapshot_age_ms", 0),
        processing_us=row["processing_us"],
    )


OUTCOME_FIELDS = (
    "user_id",
    "trade_id",
    "symbol",
    "accepted",
    "side",
    "pnl",
    "pnl_percent",
    "fees",
    "entry_price",
    "exit_price",
    "quantity",
    "risk",
    "opened_at_ms",
    "closed_at_ms",
    "decision_id",
    "signal_id",
    "corrects",
    "source",
)


def outcome_row(stored: StoredOutcome) -> dict[str, Any]:
    outcome = stored.outcome
    row: dict[str, Any] = {name: getattr(outcome, name) for name in OUTCOME_FIELDS}
    row["effective_at_ms"] = stored.effective_at_ms
    row["received_at_ms"] = stored.received_at_ms
    row["match"] = stored.match
    row["matched_decision_id"] = stored.matched_decision_id
    row["quarantined"] = stored.quarantined
    row["details"] = canonical(outcome.ignored) if outcome.ignored else None
    row["lesson"] = lesson_document(stored.lesson) if stored.lesson is not None else None
    return row


def lesson_document(lesson: Lesson) -> str:
    document: dict[str, Any] = {
        "values": lesson.values,
        "by": [lesson.thresholds_symbol, lesson.thresholds_revision],
        "taken": lesson.taken,
    }
    if lesson.propensity != 1.0:
        document["propensity"] = lesson.propensity
    for name in ("risk", "risk_percent", "regime"):
        value = getattr(lesson, name)
        if value is not None:
            document[name] = value
    return canonical(document)


def lesson_from(text: str | None) -> Lesson | None:
    if text is None:
        return None
    document = orjson.loads(text)
    symbol, revision = document.pop("by")
    values = tuple(document.pop("values"))
    return Lesson(values=values, thresholds_symbol=symbol, thresholds_revision=revision, **document)


def outcome_hash(outcome: Outcome) -> bytes:
    """Equal for two reports that say the same."""
    content = [getattr(outcome, name) for name in OUTCOME_FIELDS if name != "source"]
    return hashlib.sha256(orjson.dumps(content)).digest()


def outcome_from(row: Row) -> StoredOutcome:
    fields = {name: row[name] for name in OUTCOME_FIELDS}
    fields["accepted"] = bool(fields["accepted"])
    return StoredOutcome(
        outcome=Outcome(**fields, ignored=orjson.loads(row["details"]) if row["details"] else {}),
        received_at_ms=row["received_at_ms"],
        match=row["match"],
        matched_decision_id=row["matched_decision_id"],
        quarantined=row["quarantined"],
        lesson=lesson_from(row.get("lesson")),
        released_at_ms=row.get("released_at_ms"),
        superseded_by=row.get("superseded_by"),
    )
