"""What a result is worth to the learner: itself, or what one more trade like it would do to the composite score."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.adaptation.evidence import Evidence
from ml_service.domain.adaptation.library import Vector
from ml_service.domain.adaptation.probing import PERCENT_PER_R
from ml_service.domain.performance.returns import YEAR_DAYS
from ml_service.domain.performance.score import (
    DRAWDOWN_PERCENT_HALF,
    RETURN_PERCENT_HALF,
    SHARPE_HALF,
    VOLATILITY_PERCENT_HALF,
)

Utility = Literal["net_r", "score"]

DAYS_MIN = 10
TRADES_MIN = 20
SPREAD_MIN = 1e-9
RESULTS = np.linspace(-4.0, 4.0, 17)
"""The results that are tried, in R; what lies between two of them is interpolated."""


@dataclass(frozen=True, slots=True)
class Worth:
    """Of each of `RESULTS`, in units of what one R does: under plain R it would be the result itself."""

    values: Vector

    def of(self, results: Vector) -> Vector:
        found: Vector = np.interp(results, RESULTS, self.values)
        return found


def worth_of(evidence: Evidence, weights: Mapping[str, float]) -> Worth | None:
    """None as long as too little was traded to have a score, or where the weights ask for less return."""
    taken = evidence.only(np.flatnonzero(evidence.accepted))
    if len(taken) < TRADES_MIN:
        return None
    days = taken.days - taken.days.min()
    sums = PERCENT_PER_R * np.bincount(days, weights=taken.results).astype(np.float64)
    if len(sums) < DAYS_MIN or not sums.std() > 0.0:
        return None
    wins = int(np.count_nonzero(taken.results > 0.0))
    before = scored(sums, np.array(wins / len(taken)), weights)
    # One more trade on each of the days in turn; the mean of what it does.
    after = sums + RESULTS[:, None, None] * PERCENT_PER_R * np.eye(len(sums))
    won = (wins + (RESULTS > 0.0)) / (len(taken) + 1)
    effect = scored(after, won[:, None], weights).mean(axis=1) - before
    slope = float(np.interp(1.0, RESULTS, effect) - np.interp(-1.0, RESULTS, effect)) / 2.0
    # As little as a single result may count, so little may what it does.
    return Worth(np.clip(effect / slope, RESULTS[0], RESULTS[-1])) if slope > 0.0 else None


def scored(
    sums: NDArray[np.float64], win_rate: NDArray[np.float64], weights: Mapping[str, float]
) -> NDArray[np.float64]:
    """The composite score of daily sums along the last axis, but for a constant and a factor."""
    # One more trade may make all days equal; then the ratio is at its limit instead of nowhere.
    spread = np.maximum(sums.std(axis=-1, ddof=1), SPREAD_MIN)
    equity = np.cumsum(sums, axis=-1)
    peak = np.maximum(np.maximum.accumulate(equity, axis=-1), 0.0)
    parts = {
        "total_return": balance(equity[..., -1], RETURN_PERCENT_HALF),
        "sharpe_ratio": balance(np.sqrt(YEAR_DAYS) * sums.mean(axis=-1) / spread, SHARPE_HALF),
        "win_rate": win_rate,
        "max_drawdown": amount((peak - equity).max(axis=-1), DRAWDOWN_PERCENT_HALF),
        "volatility": amount(np.sqrt(YEAR_DAYS) * spread, VOLATILITY_PERCENT_HALF),
    }
    return sum((weights.get(name, 0.0) * part for name, part in parts.items()), np.zeros(()))


def balance(values: NDArray[np.float64], half: float) -> NDArray[np.float64]:
    """As the score has it, for many at once."""
    return (1.0 + values / (np.abs(values) + half)) / 2.0


def amount(values: NDArray[np.float64], half: float) -> NDArray[np.float64]:
    return values / (values + half)
