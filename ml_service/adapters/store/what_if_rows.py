"""What a question about other thresholds reads: signals with a known result, and those without one."""

from typing import Any

import orjson
from sqlalchemy import exists, or_, select

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import lesson_from
from ml_service.adapters.store.paging import narrowed
from ml_service.adapters.store.transaction import Look
from ml_service.domain.lessons import faced
from ml_service.domain.outcomes import Outcome, StoredOutcome
from ml_service.domain.types import Action, Forecast, Signal
from ml_service.domain.what_if import KnownResult, OpenSignal
from ml_service.ports import Period

o, d = t.outcomes.c, t.decisions.c

KNOWN: tuple[Any, ...] = (
    o.symbol,
    o.effective_at_ms,
    o.received_at_ms,
    o.accepted,
    o.pnl,
    o.pnl_percent,
    o.risk,
    o.lesson,
    o.percent_per_r,
)
OPEN: tuple[Any, ...] = (d.symbol, d.action, d.input, d.model_id, d.model_version, d.probability, d.regime)


class WhatIfReading(Look):
    def known_results(self, user_id: str, period: Period, limit: int) -> list[KnownResult]:
        query = select(*KNOWN).where(
            o.user_id == user_id,
            o.lesson.is_not(None),
            o.superseded_by.is_(None),
            or_(o.quarantined.is_(None), o.released_at_ms.is_not(None)),
        )
        query = narrowed(query, o.symbol, o.effective_at_ms, period)
        query = query.order_by(o.effective_at_ms.desc(), o.id.desc()).limit(limit)
        return [known_from(user_id, *row) for row in self._connection.execute(query).all()]

    def open_signals(self, user_id: str, period: Period, limit: int) -> list[OpenSignal]:
        told = exists().where(o.user_id == user_id, o.matched_decision_id == d.decision_id)
        query = select(*OPEN).where(
            d.user_id == user_id,
            d.action.in_(("BUY", "SELL")),
            # No threshold would have changed what the switch decided.
            d.code != "kill_switch",
            ~told,
        )
        query = narrowed(query, d.symbol, d.evaluated_at_ms, period)
        query = query.order_by(d.evaluated_at_ms.desc(), d.decision_id.desc()).limit(limit)
        found = [open_from(*row) for row in self._connection.execute(query).all()]
        return [one for one in found if one is not None]


# Ten thousand rows are read for one answer, so only what it needs is decoded: whole outcomes and decisions would take
# three times as long.


def known_from(
    user_id: str,
    symbol: str,
    effective_at_ms: int,
    received_at_ms: int,
    accepted: bool,
    pnl: float | None,
    pnl_percent: float | None,
    risk: float | None,
    lesson: str,
    percent_per_r: float | None,
) -> KnownResult:
    outcome = Outcome(user_id, "", symbol, bool(accepted), pnl=pnl, pnl_percent=pnl_percent, risk=risk)
    stored = StoredOutcome(outcome, received_at_ms, "none", None, None, lesson_from(lesson))
    return KnownResult(stored, effective_at_ms, percent_per_r)


def open_from(
    symbol: str,
    action: Action,
    given: str,
    model_id: str | None,
    model_version: str,
    probability: float,
    regime: str | None,
) -> OpenSignal | None:
    """None for a row that was damaged by hand, and for a signal that carried nothing."""
    forecast = Forecast(probability, model_id, model_version, regime) if model_id is not None else None
    try:
        values = faced(Signal(symbol, action, orjson.loads(given)["values"]), forecast)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return OpenSignal(symbol, values) if values is not None else None
