"""Decisions as they are answered, listed and looked up."""

from collections.abc import Mapping
from typing import Any, Literal

from ml_service.domain.gate import told
from ml_service.domain.market.feature_rows import FeaturesUsed
from ml_service.domain.types import ANY_SYMBOL, Decision, Forecast
from ml_service.features.schema import SCHEMA
from ml_service.web.schemas.fields import PageQuery, Query, Symbol, Time, UserId
from ml_service.web.schemas.models import Regime
from ml_service.web.wire import iso

CONFIDENCE_ADJUSTMENT_MAX = 0.2
NO_CANDLES = {"status": "no_candles", "missing": SCHEMA.names}


class DecisionsQuery(PageQuery):
    symbol: Symbol | None = None
    since: Time | None = None
    until: Time | None = None
    kind: Literal["take", "reject", "abstain"] | None = None


class AsOfQuery(Query):
    user_id: UserId
    symbol: Symbol = ANY_SYMBOL
    regime: Regime | None = None
    """Of the market then; it decides which models served."""
    at: Time


def decision_data(decision: Decision, adjustments: Mapping[str, float]) -> dict[str, Any]:
    """The answer of evaluate. `adjustments`: how far the thresholds lie from the defaults they began as."""
    verdict, signal, forecast = decision.verdict, decision.signal, decision.forecast
    confidence = signal.values.get("confidence")
    probability = forecast.probability if forecast is not None else None
    adjusted = probability if probability is not None else confidence
    data: dict[str, Any] = {
        "user_id": decision.user_id,
        "symbol": signal.symbol,
        "decision_id": decision.decision_id,
        "should_trade": verdict.decision == "take",
        "decision": verdict.decision,
        "code": verdict.code,
        "reasoning": told(verdict),
        "reasons": [
            {"code": code, "parameter": name, "value": value, "limit": limit, "verdict": told_by}
            for code, told_by, name, value, limit in verdict.reasons
        ],
        "adjusted_confidence": adjusted,
        "confidence_adjustment": adjustment(confidence, probability),
        "probability": probability,
        "thresholds": decision.thresholds.values,
        "thresholds_revision": decision.thresholds.revision,
        "thresholds_symbol": decision.thresholds.symbol,
        "threshold_adjustments": adjustments,
        "model": model_data(forecast) if forecast is not None else None,
        "model_status": decision.model_status,
        "regime": decision.regime,
        "features": features_data(decision.features),
        "degraded": list(decision.degraded),
        "ignored_fields": list(signal.ignored),
        "processing_time_ms": decision.processing_us / 1000,
        "evaluated_at": iso(decision.evaluated_at_ms),
        "settings_hash": decision.settings_hash,
    }
    if decision.degraded:
        data["snapshot_age_ms"] = decision.snapshot_age_ms
    return data


def model_data(forecast: Forecast) -> dict[str, Any]:
    """Whose forecast it was. A member without a probability said nothing, and was left out."""
    return {
        "id": forecast.model_id,
        "version": forecast.version,
        "regime": forecast.regime,
        "members": [
            {"type": kind, "version": version, "probability": probability, "weight": weight}
            for kind, version, probability, weight in forecast.members
        ],
        "disagreement": forecast.disagreement,
        "distance": forecast.distance,
    }


def features_data(features: FeaturesUsed | None) -> dict[str, Any]:
    """Which feature row the decision was made with, and what it could not tell."""
    if features is None:
        return NO_CANDLES
    stale = features.status == "stale"
    return {
        "status": features.status,
        "missing": SCHEMA.names if stale else features.missing,
        "venue": features.stream.venue,
        "interval": features.stream.interval,
        "bar": iso(features.opened_at_ms),
        "schema": features.schema_hash,
        "set_id": features.set_id,
        "regime_confidence": features.regime_confidence,
    }


def adjustment(confidence: float | None, probability: float | None) -> float:
    if confidence is None or probability is None:
        return 0.0
    return min(max(probability - confidence, -CONFIDENCE_ADJUSTMENT_MAX), CONFIDENCE_ADJUSTMENT_MAX)


def provenance(decision: Decision) -> dict[str, Any]:
    """What the list and the look-up of decisions show beside the answer itself."""
    signal = decision.signal
    return {
        "action": signal.action,
        "signal": {**signal.values, **signal.details, "reduce_only": signal.reduce_only},
        "ignored": dict(signal.ignored),
        "kill_switch": decision.killed,
    }
