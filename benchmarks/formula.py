"""The documents' formula, read so that it moves: one score for all, and every threshold by a share of its value.

`adaptation = base × current × 0.1`, applied from 0.5 % on, where `base` is the score of the last hundred trades. Kept
for comparison: the service does not contain it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.worlds import Feature, Matrix, Vector

SHARE = 0.1
CHANGE_SHARE_MIN = 0.005
WINDOW = 100
TRADES_MIN = 10
SHARPE_HALF = 2.0
"""An annual Sharpe ratio of 2 is a score of one half, as in the composite score of the service."""


class DocumentsFormula:
    def __init__(self, features: Sequence[Feature]) -> None:
        self.values = np.array([feature.default for feature in features])
        self.sense = np.array([feature.sense for feature in features])
        self.bounds = np.array([[feature.low, feature.high] for feature in features]).T
        self.results: list[float] = []

    def decide(self, values: Matrix) -> tuple[NDArray[np.bool_], Vector]:
        return (values * self.sense >= self.values * self.sense).all(axis=1), np.ones(len(values))

    def observe(
        self, values: Matrix, accepted: NDArray[np.bool_], propensity: Vector, results: Vector, regime: int = 0
    ) -> None:
        self.results = [*self.results, *results[accepted].tolist()][-WINDOW:]

    def adapt(self, day: int, regime: int = 0) -> None:
        change = self.score() * SHARE
        if len(self.results) >= TRADES_MIN and abs(change) >= CHANGE_SHARE_MIN:
            self.values = np.clip(self.values * (1.0 + change), *self.bounds)

    def score(self) -> float:
        """From -1 to 1."""
        deviation = np.std(self.results) if self.results else 0.0
        if deviation == 0.0:
            return 0.0
        sharpe = float(np.mean(self.results) / deviation * np.sqrt(365))
        return sharpe / (abs(sharpe) + SHARPE_HALF)
