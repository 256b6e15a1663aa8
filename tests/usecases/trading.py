"""A bot that trades for some days: decisions, and what became of them."""

import random
from dataclasses import replace

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.domain.adaptation import AdaptationPolicy
from ml_service.domain.gate import decide
from ml_service.domain.outcomes import DAY_MS, Outcome
from ml_service.domain.types import Decision, Signal
from ml_service.usecases.adapt import Rules
from tests.builders import HASH, NOW_MS, policy, thresholds, values

RULES = Rules(policy(), AdaptationPolicy(), HASH)
MIDNIGHT_MS = NOW_MS - NOW_MS % DAY_MS
HOUR_MS = 3_600_000
PER_DAY = 24


def decisions_and_outcomes(
    days: range, user_id: str = "ada", symbol: str = "BTCUSDT", worth: float = -0.6, noise: float = 1.0, seed: int = 5
) -> tuple[list[Decision], list[Outcome]]:
    """Of what the default confidence lets through, the lower half is worth that much, the upper half 0.3 R."""
    decisions, outcomes = [], []
    for day in days:
        chance = random.Random(f"{seed}-{user_id}-{symbol}-{day}")
        for number in range(PER_DAY):
            at_ms = MIDNIGHT_MS + day * DAY_MS + number * HOUR_MS
            carried = {"confidence": min(1.0, max(0.0, chance.gauss(0.72, 0.1))), "rsi": chance.uniform(20, 80)}
            signal = Signal(symbol, chance.choice(("BUY", "SELL")), carried)
            verdict = decide(signal, values(), policy())
            name = f"{symbol}-{day}-{number}"
            decisions.append(
                Decision(user_id, name, True, at_ms, signal, verdict, replace(thresholds(), revision=0), HASH)
            )
            outcomes.append(
                Outcome(
                    user_id=user_id,
                    trade_id=f"t-{name}",
                    symbol=symbol,
                    accepted=verdict.decision == "take",
                    pnl=10.0 * ((worth if carried["confidence"] < 0.74 else 0.3) + chance.gauss(0, noise)),
                    risk=10.0,
                    closed_at_ms=at_ms + HOUR_MS // 2,
                    decision_id=name,
                )
            )
    return decisions, outcomes


def trade(database: Database, days: range, **how: object) -> None:
    recorder = DirectRecorder(database)
    decisions, outcomes = decisions_and_outcomes(days, **how)  # type: ignore[arg-type]
    recorder.record(decisions, 0.0)
    receipts = recorder.keep(outcomes, evening(days[-1]))
    assert {receipt.status for receipt in receipts} == {"created"}


def evening(day: int) -> int:
    return MIDNIGHT_MS + (day + 1) * DAY_MS - 1
