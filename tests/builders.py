"""Values for tests: each builder fills in what a test does not care about."""

from collections.abc import Mapping
from typing import Any

from ml_service.domain.exploration import with_exploration
from ml_service.domain.gate import decide
from ml_service.domain.outcomes import Outcome
from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.types import (
    ANY_SYMBOL,
    Action,
    Decision,
    GatePolicy,
    Kill,
    Limits,
    OnMissing,
    Signal,
    Thresholds,
)
from ml_service.settings import Settings

NOW_MS = 1_790_000_000_000
SETTINGS = Settings()
HASH = SETTINGS.hash


def policy(**on_missing: OnMissing) -> GatePolicy:
    """The gate of the defaults; `rsi_threshold="reject"` says what its absence means."""
    return {
        name: Limits(parameter.default, parameter.low, parameter.high, on_missing.get(name, "ignore"))
        for name, parameter in PARAMETERS.items()
    }


def values(**changed: float) -> dict[str, float]:
    """Every default, with these in their place."""
    return {name: parameter.default for name, parameter in PARAMETERS.items()} | changed


def signal(action: Action | None = "BUY", /, **fields: Any) -> Signal:
    """What is not a field of the signal itself is a value that it carries."""
    carried = {name: value for name, value in fields.items() if name not in ("symbol", "reduce_only")}
    return Signal(fields.get("symbol", "BTCUSDT"), action, carried, fields.get("reduce_only", False))


def thresholds(user_id: str = "ada", symbol: str = ANY_SYMBOL, revision: int = 1, **changed: float) -> Thresholds:
    return Thresholds(
        user_id=user_id,
        symbol=symbol,
        revision=revision,
        values=values(**changed),
        changed_at_ms=NOW_MS,
        source="set",
        reason="a test",
        actor="tester",
        settings_hash=HASH,
    )


def decision(
    decision_id: str = "d-1",
    user_id: str = "ada",
    at_ms: int = NOW_MS,
    judged: Signal | None = None,
    **fields: Any,
) -> Decision:
    """A decision under the defaults, as the gate makes it."""
    given = judged if judged is not None else signal(confidence=0.85)
    made = Decision(
        user_id=user_id,
        decision_id=decision_id,
        named_by_caller=True,
        evaluated_at_ms=at_ms,
        signal=given,
        verdict=decide(given, values(), policy(), forecast=fields.get("forecast")),
        thresholds=Thresholds(user_id, ANY_SYMBOL, 0, values()),
        settings_hash=HASH,
        processing_us=120,
    )
    return made._replace(**fields)


def taken(decision_id: str, at_ms: int = NOW_MS, symbol: str = "BTCUSDT", action: Action = "BUY") -> Decision:
    return decision(decision_id, at_ms=at_ms, judged=signal(action, symbol=symbol, confidence=0.9))


def rejected(decision_id: str, at_ms: int = NOW_MS, symbol: str = "BTCUSDT", action: Action = "BUY") -> Decision:
    return decision(decision_id, at_ms=at_ms, judged=signal(action, symbol=symbol, confidence=0.1))


def drawn(share: float, decision_id: str = "d-1", judged: Signal | None = None, **fields: Any) -> Decision:
    """A decision as it comes out while that share of the refused signals is taken all the same."""
    made = decision(decision_id, judged=judged if judged is not None else signal(confidence=0.1), **fields)
    return with_exploration(made, share, policy())


def outcome(trade_id: str = "t-1", user_id: str = "ada", **fields: Any) -> Outcome:
    given: Mapping[str, Any] = {"symbol": "BTCUSDT", "pnl": 12.5, "pnl_percent": 1.25, **fields}
    return Outcome(user_id=user_id, trade_id=trade_id, **given)


def kill(on: bool = True, user_id: str = ANY_SYMBOL, at_ms: int = NOW_MS, reason: str = "a test") -> Kill:
    return Kill(user_id, on, reason, "tester", at_ms)
