"""Thresholds: set by hand, put back, told, and every revision of them."""

from typing import Annotated, Any

from pydantic import Field

from ml_service.domain.learner import Adaptation, Learner
from ml_service.domain.types import ANY_SYMBOL, GatePolicy, Thresholds
from ml_service.web.schemas.adaptations import adaptation_data
from ml_service.web.schemas.fields import Body, Number, PageQuery, Query, Symbol, Text
from ml_service.web.wire import iso


class ThresholdsBody(Body):
    symbol: Symbol | None = None
    thresholds: Annotated[dict[str, Number], Field(min_length=1)]
    reason: Text | None = None


class ResetBody(Body):
    symbol: Symbol | None = None
    reason: Text | None = None


class SymbolQuery(Query):
    symbol: Symbol = ANY_SYMBOL


class HistoryQuery(PageQuery):
    symbol: Symbol | None = None


def thresholds_data(thresholds: Thresholds, asked_symbol: str, policy: GatePolicy) -> dict[str, Any]:
    return {
        "user_id": thresholds.user_id,
        "symbol": asked_symbol,
        "thresholds": dict(thresholds.values),
        "revision": thresholds.revision,
        "inherited_from": thresholds.symbol if thresholds.symbol != asked_symbol else None,
        "bounds": {
            name: {"low": limits.low, "high": limits.high, "default": limits.default} for name, limits in policy.items()
        },
        "source": thresholds.source,
        "reason": thresholds.reason,
        "changed_at": iso(thresholds.changed_at_ms) if thresholds.revision else None,
    }


def last_data(latest: Adaptation | None) -> dict[str, Any] | None:
    if latest is None:
        return None
    return {
        "adaptation_id": latest.id,
        "adapted_at": iso(latest.at_ms),
        "verdict": latest.verdict,
        "revision": latest.revision,
        "reason": latest.explanation["reason"],
    }


def learning_data(learner: Learner) -> dict[str, Any]:
    return {
        "frozen": learner.frozen is not None,
        "frozen_reason": learner.frozen,
        "held_until": iso(learner.held_until_ms) if learner.held_until_ms else None,
        "last_cycle_at": iso(learner.adapted_at_ms) if learner.adapted_at_ms else None,
        "last_verdict": learner.last["verdict"] if learner.last is not None else None,
        "last_reason": learner.last["reason"] if learner.last is not None else None,
    }


def revision_data(thresholds: Thresholds, adaptation: Adaptation | None) -> dict[str, Any]:
    return {
        "user_id": thresholds.user_id,
        "symbol": thresholds.symbol,
        "revision": thresholds.revision,
        "thresholds": dict(thresholds.values),
        "source": thresholds.source,
        "reason": thresholds.reason,
        "actor": thresholds.actor,
        "settings_hash": thresholds.settings_hash,
        "changed_at": iso(thresholds.changed_at_ms),
        "adaptation": adaptation_data(adaptation) if adaptation is not None else None,
    }
