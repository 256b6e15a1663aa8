"""The tide: what all outcomes of a period had in common is the market's day, not the merit of a signal.

Outcomes that overlap in time share their luck. The best guess of the shared part shrinks the mean of the period toward
the usual mean, by as much as single outcomes explain it (James and Stein 1961). It is zero on average, so taking it
away favours no side; it only takes noise out of the comparison of signals. Where outcomes are independent the means of
periods vary no more than single outcomes explain, and next to nothing is taken away.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PERIODS = 33
"""How many periods the usual mean looks back, about; before that many have passed it is the plain mean of all."""


@dataclass(frozen=True, slots=True)
class Tide:
    level: float = 0.0
    """The usual mean of a period."""
    within: float = 0.0
    """Variance of outcomes about the mean of their period …"""
    between: float = 0.0
    """… and how far that mean is from the usual one, squared, times the number of outcomes: the same if independent."""
    periods: int = 0

    @property
    def share(self) -> float:
        """Of the distance of a period's mean from the usual one: what no single outcome explains."""
        return max(0.0, 1.0 - self.within / self.between) if self.between > 0.0 else 0.0

    def after(self, results: NDArray[np.float64]) -> "Tide":
        count = len(results)
        if count < 2:
            return self
        mean = mean_of(results)
        within = float(np.add.reduce((results - mean) ** 2)) / (count - 1)
        periods = min(self.periods + 1, PERIODS)
        level = self.level + (mean - self.level) / periods
        return Tide(
            level=level,
            within=self.within + (within - self.within) / periods,
            between=self.between + (count * (mean - self.level) * (mean - level) - self.between) / periods,
            periods=periods,
        )

    def common(self, results: NDArray[np.float64]) -> float:
        """The best guess of what these outcomes, which the tide knows already, have in common beyond the usual."""
        return self.share * (mean_of(results) - self.level) if len(results) else 0.0


def mean_of(results: NDArray[np.float64]) -> float:
    # As numpy's own, without the care that takes ten times as long as a day's few results.
    return float(np.add.reduce(results)) / len(results)
