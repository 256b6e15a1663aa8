"""The composite score: one number between 0 and 1, and what it is made of."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_service.domain.performance.performance import Performance

SCORE_WEIGHTS: Mapping[str, float] = {
    "total_return": 0.3,
    "sharpe_ratio": 0.25,
    "win_rate": 0.2,
    "max_drawdown": -0.15,
    "volatility": -0.1,
}

RETURN_PERCENT_HALF = 20.0
SHARPE_HALF = 2.0
DRAWDOWN_PERCENT_HALF = 20.0
VOLATILITY_PERCENT_HALF = 60.0
"""Where a figure has come half its way. The way gets ever slower and never ends: no figure is too good or too
bad to be told from a better or a worse one."""


@dataclass(frozen=True, slots=True)
class Score:
    value: float
    """0 is the worst there can be, 1 the best."""
    parts: Mapping[str, float]
    """Each figure between 0 and 1, before its weight. High is much, also of what is bad."""
    missing: tuple[str, ...]
    """Figures that are not known; the others share their weight."""


def score(performance: Performance, weights: Mapping[str, float] = SCORE_WEIGHTS) -> Score | None:
    """None without trades: no data is not a bad score."""
    if not performance.total_trades:
        return None
    figures = normalised(performance)
    parts = {name: part for name in weights if (part := figures.get(name)) is not None}
    lowest = sum(min(0.0, weights[name]) for name in parts)
    highest = sum(max(0.0, weights[name]) for name in parts)
    if not highest > lowest:
        return None
    reached = sum(weights[name] * part for name, part in parts.items())
    return Score(
        value=min(1.0, max(0.0, (reached - lowest) / (highest - lowest))),
        parts=parts,
        missing=tuple(name for name in weights if name not in parts),
    )


def normalised(performance: Performance) -> dict[str, float | None]:
    drawdown = performance.drawdown
    return {
        "total_return": balance(performance.total_return_percent, RETURN_PERCENT_HALF),
        "sharpe_ratio": balance(performance.sharpe_ratio, SHARPE_HALF),
        "win_rate": performance.win_rate.value if performance.win_rate else None,
        "max_drawdown": amount(drawdown.percent if drawdown else None, DRAWDOWN_PERCENT_HALF),
        "volatility": amount(performance.volatility_percent, VOLATILITY_PERCENT_HALF),
    }


def amount(value: float | None, half: float) -> float | None:
    """From 0 upwards: 0 at 0, 0.5 at `half`, towards 1."""
    if value is None:
        return None
    assert value >= 0.0
    return value / (value + half)


def balance(value: float | None, half: float) -> float | None:
    """Of either sign: 0.5 at 0, 0.75 at `half`, 0.25 at its opposite, towards 0 and 1."""
    if value is None:
        return None
    return (1.0 + value / (abs(value) + half)) / 2.0
