"""Decide signals once each; a repeat under the same id gets the first answer."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ml_service.domain.exploration import with_exploration
from ml_service.domain.gate import decide
from ml_service.domain.ids import ENTROPY_BYTES, decision_id
from ml_service.domain.types import Decision, Kept, Reason, RecordedDecision, Signal, Verdict
from ml_service.domain.view import View
from ml_service.ports import Recorder, Snapshot

DATABASE_AWAY = "database_away"
UNRECORDED = "unrecorded"


@dataclass(frozen=True, slots=True)
class Asked:
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
    recorder: Recorder,
    clock: Clock,
    entropy: Callable[[int], bytes],
    wait_ms: float,
) -> list[Answered]:
    view = snapshot.view()
    stale = snapshot.is_stale()
    age_ms = snapshot.age_ms() if stale else 0
    decisions = [judged(user_id, one, view, clock, entropy, age_ms if stale else None) for one in asked]
    recorded = recorder.record(decisions, wait_ms, clock.remaining_ms())
    return [answered(decision, told) for decision, told in zip(decisions, recorded, strict=True)]


def judged(
    user_id: str,
    asked: Asked,
    view: View,
    clock: Clock,
    entropy: Callable[[int], bytes],
    stale_for_ms: int | None,
) -> Decision:
    thresholds = view.thresholds_for(user_id, asked.signal.symbol)
    killed = view.killed(user_id)
    decision = Decision(
        user_id=user_id,
        decision_id=asked.decision_id or decision_id(clock.now_ms, entropy(ENTROPY_BYTES)),
        named_by_caller=asked.decision_id is not None,
        evaluated_at_ms=clock.now_ms,
        signal=asked.signal,
        verdict=decide(asked.signal, thresholds.values, view.policy, killed=killed),
        thresholds=thresholds,
        settings_hash=view.settings_hash,
        features=view.features_for(asked.signal.symbol, clock.now_ms),
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
        return Answered(replace(decision, verdict=reused, degraded=(*decision.degraded, UNRECORDED)), None)
    if recorded.kept is None:
        return Answered(replace(decision, degraded=(*decision.degraded, UNRECORDED)), None)
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
        degraded=(UNRECORDED,),
        processing_us=clock.elapsed_us(),
    )
    return Answered(decision, None)
