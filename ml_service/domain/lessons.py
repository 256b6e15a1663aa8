"""What an outcome can teach: the signal that it came from, as a learner sees it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ml_service.domain.exploration import chance_of
from ml_service.domain.gate import carried_value
from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.types import Decision, Forecast, Signal


class Lesson(NamedTuple):
    """Kept beside the outcome, so that learning does not depend on how long decisions are kept. A tuple: thousands of
    them are made for one cycle."""

    values: tuple[float | None, ...]
    """In the order of the shelf, as a BUY would see them; None where the signal carried nothing."""
    thresholds_symbol: str
    thresholds_revision: int
    taken: bool
    propensity: float = 1.0
    """How likely the decision was to come out as it did."""
    risk: float | None = None
    """What the signal put at stake, in quote currency …"""
    risk_percent: float | None = None
    """… or in percent of the price, from its stop."""
    regime: str | None = None


def lesson_of(decision: Decision) -> Lesson | None:
    """None where the gate had nothing to judge, so that no threshold can be to blame."""
    values = faced(decision.signal, decision.forecast)
    if values is None:
        return None
    chance = chance_of(decision.verdict)
    return Lesson(
        values=values,
        thresholds_symbol=decision.thresholds.symbol,
        thresholds_revision=decision.thresholds.revision,
        taken=decision.verdict.decision == "take",
        propensity=1.0 if chance is None else chance,
        risk=positive(decision.signal.details.get("risk")),
        risk_percent=stop_distance(decision.signal.details),
        regime=decision.regime,
    )


def faced(signal: Signal, forecast: Forecast | None) -> tuple[float | None, ...] | None:
    """What a signal carried, as a BUY would see it; None where it carried nothing, or was no trade."""
    side = signal.action
    if side not in ("BUY", "SELL"):
        return None
    values = []
    for parameter in PARAMETERS.values():
        value = carried_value(parameter, signal, forecast)
        values.append(None if value is None else parameter.facing(value, side))
    return tuple(values) if any(value is not None for value in values) else None


def stop_distance(details: Mapping[str, Any]) -> float | None:
    price, stop = positive(details.get("price")), positive(details.get("stop"))
    if price is None or stop is None:
        return None
    return positive(100.0 * abs(price - stop) / price)


def positive(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0.0 else None
