"""Decide signals once each; a repeat under the same id gets the first answer."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ml_service.domain.exploration import with_exploration
from ml_service.domain.gate import SIDES, decide
from ml_service.domain.ids import ENTROPY_BYTES, decision_id
from ml_service.domain.market.feature_rows import FeaturesUsed
from ml_service.domain.models.ensemble import forecast
from ml_service.domain.models.speaking import Figures, Question, Serving, question
from ml_service.domain.types import (
    Decision,
    Forecast,
    Kept,
    ModelStatus,
    Reason,
    RecordedDecision,
    Signal,
    Thresholds,
    Verdict,
)
from ml_service.domain.view import View
from ml_service.ports import Forecaster, Recorder, Snapshot

DATABASE_AWAY = "database_away"
UNRECORDED = "unrecorded"


class Asked(NamedTuple):
    """One signal, and the id under which the caller wants its decision, if any."""

    signal: Signal
    decision_id: str | None = None


class Answered(NamedTuple):
    """A decision as the caller hears it, and where it was kept (None: nowhere durable)."""

    decision: Decision
    kept: Kept | None


@dataclass(frozen=True, slots=True)
class Clock:
    now_ms: int
    elapsed_us: Callable[[], int]
    """Since the request came in."""
    remaining_ms: Callable[[], float] = lambda: math.inf
    """How long the caller still waits for its answer."""


def evaluate(
    user_id: str,
    asked: Sequence[Asked],
    *,
    snapshot: Snapshot,
    forecaster: Forecaster,
    recorder: Recorder,
    clock: Clock,
    entropy: Callable[[int], bytes],
    wait_ms: float,
) -> list[Answered]:
    view = snapshot.view()
    killed = view.killed(user_id)
    known = known_of(user_id, {one.signal.symbol for one in asked}, view, clock.now_ms, forecaster.serving())
    stale_for_ms = snapshot.age_ms() if snapshot.is_stale() else None
    heard = told_by_models(asked, known, killed, view, forecaster)
    decisions = [
        judged(user_id, one, known[one.signal.symbol].thresholds, killed, view, clock, entropy, stale_for_ms, told)
        for one, told in zip(asked, heard, strict=True)
    ]
    recorded = recorder.record(decisions, wait_ms, clock.remaining_ms())
    return [answered(decision, told) for decision, told in zip(decisions, recorded, strict=True)]


class Known(NamedTuple):
    """What is the same for all signals of a symbol in one call."""

    thresholds: Thresholds
    features: FeaturesUsed | None
    asking: Question | ModelStatus
    """What its models are asked, or why they are not."""


def known_of(user_id: str, symbols: Iterable[str], view: View, now_ms: int, serving: Serving) -> dict[str, Known]:
    found = {}
    for symbol, thresholds in view.thresholds_of(user_id, symbols).items():
        features = view.features_for(symbol, now_ms)
        found[symbol] = Known(thresholds, features, question(serving, symbol, features, now_ms))
    return found


class Heard(NamedTuple):
    """The feature row of a signal, and what the models said of it."""

    features: FeaturesUsed | None
    forecast: Forecast | None
    status: ModelStatus


def told_by_models(
    asked: Sequence[Asked], known: Mapping[str, Known], killed: bool, view: View, forecaster: Forecaster
) -> list[Heard]:
    """One run of each set for all signals together; none for what the gate refuses unheard."""
    questions = [known[one.signal.symbol].asking if is_judged(one.signal, killed) else "not_asked" for one in asked]
    put = [one for one in questions if isinstance(one, Question)]
    figures = iter(forecaster.figures(view, put) if put else ())
    return [
        heard(one.signal, asking, next(figures))
        if isinstance(asking, Question)
        else Heard(known[one.signal.symbol].features, None, asking)
        for one, asking in zip(asked, questions, strict=True)
    ]


def is_judged(signal: Signal, killed: bool) -> bool:
    return signal.action in SIDES and (signal.reduce_only or not killed)


def heard(signal: Signal, asking: Question, figures: Figures | ModelStatus) -> Heard:
    assert signal.action in SIDES
    row = asking.features
    if not isinstance(figures, Figures):
        return Heard(row, None, figures)
    told = forecast(asking.models, figures.rises, figures.distance, signal.action, row.regime)
    return Heard(row, told, "ok") if isinstance(told, Forecast) else Heard(row, None, told)


def judged(
    user_id: str,
    asked: Asked,
    thresholds: Thresholds,
    killed: bool,
    view: View,
    clock: Clock,
    entropy: Callable[[int], bytes],
    stale_for_ms: int | None,
    told: Heard,
) -> Decision:
    decision = Decision(
        user_id=user_id,
        decision_id=asked.decision_id or decision_id(clock.now_ms, entropy(ENTROPY_BYTES)),
        named_by_caller=asked.decision_id is not None,
        evaluated_at_ms=clock.now_ms,
        signal=asked.signal,
        verdict=decide(asked.signal, thresholds.values, view.policy, forecast=told.forecast, killed=killed),
        thresholds=thresholds,
        settings_hash=view.settings_hash,
        forecast=told.forecast,
        model_status=told.status,
        features=told.features,
        killed=killed,
        degraded=() if stale_for_ms is None else (DATABASE_AWAY,),
        snapshot_age_ms=stale_for_ms or 0,
        processing_us=clock.elapsed_us(),
    )
    return with_exploration(decision, view.exploration, view.policy)


def answered(decision: Decision, recorded: RecordedDecision) -> Answered:
    if recorded.earlier is not None:
        if recorded.earlier.signal == decision.signal:
            return Answered(recorded.earlier, recorded.kept)
        reused = Verdict("abstain", "decision_id_reused", (Reason("decision_id_reused", "none"),))
        return Answered(decision._replace(verdict=reused, degraded=(*decision.degraded, UNRECORDED)), None)
    if recorded.kept is None:
        return Answered(decision._replace(degraded=(*decision.degraded, UNRECORDED)), None)
    return Answered(decision, recorded.kept)


def turned_away(user_id: str, asked: Asked, view: View, clock: Clock, entropy: Callable[[int], bytes]) -> Answered:
    """The answer when there is no capacity to judge: no trade, and nothing recorded."""
    decision = Decision(
        user_id=user_id,
        decision_id=asked.decision_id or decision_id(clock.now_ms, entropy(ENTROPY_BYTES)),
        named_by_caller=asked.decision_id is not None,
        evaluated_at_ms=clock.now_ms,
        signal=asked.signal,
        verdict=Verdict("abstain", "overloaded", (Reason("overloaded", "none"),)),
        thresholds=view.thresholds_for(user_id, asked.signal.symbol),
        settings_hash=view.settings_hash,
        model_status="not_asked",
        degraded=(UNRECORDED,),
        processing_us=clock.elapsed_us(),
    )
    return Answered(decision, None)
