"""Exploration and learning: a bot that marks nothing to market hears of what is refused only where it explores."""

import random

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.outcomes import DAY_MS, Outcome
from ml_service.domain.types import Decision
from ml_service.usecases.adapt import adapt
from tests.builders import drawn, signal
from tests.usecases.trading import HOUR_MS, MIDNIGHT_MS, PER_DAY, RULES, evening

DAYS = 30
DEFAULT = 0.65
SHARE = 0.1


def decided(share: float) -> list[list[Decision]]:
    """Day by day, by the defaults; two in three signals have too little confidence."""
    chance = random.Random(5)
    return [
        [
            drawn(
                share,
                f"d-{day}-{number}",
                signal(confidence=min(1.0, max(0.0, chance.gauss(0.6, 0.1)))),
                at_ms=MIDNIGHT_MS + day * DAY_MS + number * HOUR_MS,
            )
            for number in range(PER_DAY)
        ]
        for day in range(DAYS)
    ]


def traded(decisions: list[Decision]) -> list[Outcome]:
    """Every trade is worth 0.8 R, whatever its confidence, and nothing else is reported."""
    return [
        Outcome(
            user_id=one.user_id,
            trade_id=f"t-{one.decision_id}",
            symbol=one.signal.symbol,
            accepted=True,
            pnl=10.0 * (0.8 + random.Random(one.decision_id).gauss(0.0, 1.0)),
            risk=10.0,
            closed_at_ms=one.evaluated_at_ms + HOUR_MS // 2,
            decision_id=one.decision_id,
        )
        for one in decisions
        if one.verdict.decision == "take"
    ]


def confidence_after(share: float, database: Database, store: SqlStore) -> float:
    recorder = DirectRecorder(database)
    for day, decisions in enumerate(decided(share)):
        recorder.record(decisions, 0.0)
        recorder.keep(traded(decisions), evening(day))
        adapt("ada", "BTCUSDT", rules=RULES, actor="tester", now_ms=evening(day), store=store, entropy=random.randbytes)
    with store.read() as reading:
        newest = reading.thresholds_newest("ada", "BTCUSDT")
    return DEFAULT if newest is None else newest.values["confidence_threshold"]


def test_without_exploration_a_limit_that_refuses_good_signals_stays(embedded: Database, store: SqlStore) -> None:
    assert confidence_after(0.0, embedded, store) == DEFAULT


def test_with_exploration_a_limit_that_refuses_good_signals_falls(embedded: Database, store: SqlStore) -> None:
    assert confidence_after(SHARE, embedded, store) < DEFAULT - 0.05


def test_the_learner_is_told_the_chance_of_each_trade(embedded: Database, store: SqlStore) -> None:
    decisions = decided(SHARE)[0]
    recorder = DirectRecorder(embedded)
    recorder.record(decisions, 0.0)
    recorder.keep(traded(decisions), evening(0))

    with store.read() as reading:
        told = [one.taught.lesson.propensity for one in reading.waiting("ada", "BTCUSDT")]

    codes = [one.verdict.code for one in decisions if one.verdict.decision == "take"]
    assert sorted(told) == sorted(SHARE if code == "explored" else 1.0 for code in codes)
    assert set(told) == {SHARE, 1.0}
