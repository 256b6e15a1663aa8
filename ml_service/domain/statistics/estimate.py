"""Estimate: a figure with its 95 % interval."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.statistics.student import NORMAL_QUANTILE, student_quantile


@dataclass(frozen=True, slots=True)
class Estimate:
    """Without an interval while there is too little to tell it from."""

    value: float
    low: float | None = None
    high: float | None = None

    def times(self, factor: float) -> "Estimate":
        assert factor >= 0.0
        if self.low is None or self.high is None:
            return Estimate(self.value * factor)
        return Estimate(self.value * factor, self.low * factor, self.high * factor)

    def within(self, least: float, most: float) -> "Estimate":
        """Of a figure that cannot lie beyond."""
        if self.low is None or self.high is None:
            return self
        return Estimate(self.value, max(self.low, least), min(self.high, most))


def share(wins: int, count: int) -> Estimate | None:
    """Wilson's interval, which holds for few trades and never leaves 0 to 1. None of nothing."""
    assert 0 <= wins <= count
    if not count:
        return None
    value = wins / count
    z2 = NORMAL_QUANTILE**2
    middle = value + z2 / (2 * count)
    half = NORMAL_QUANTILE * math.sqrt(value * (1.0 - value) / count + z2 / (4 * count * count))
    low = (middle - half) / (1.0 + z2 / count) if wins else 0.0
    high = (middle + half) / (1.0 + z2 / count) if wins < count else 1.0
    return Estimate(value, low, high)


def clustered_mean(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> Estimate | None:
    """The mean over all trades, from the sum and the number of each day. None of nothing, and of
    what is too large for a number.

    Trades of one day share one market, so the days are the independent pieces (ratio estimator, Cochran 1977,
    6.3). With one trade a day this is Student's interval of the mean.
    """
    pieces = int(np.count_nonzero(counts))
    count = float(np.sum(counts))
    mean = float(np.sum(sums)) / count if pieces else math.nan
    if not math.isfinite(mean):
        return None
    if pieces < 2:
        return Estimate(mean)
    distances = sums - mean * counts
    error = math.sqrt(float(np.sum(distances**2)) * pieces / (pieces - 1)) / count
    half = student_quantile(pieces - 1) * error
    return Estimate(mean, mean - half, mean + half) if math.isfinite(half) else Estimate(mean)
