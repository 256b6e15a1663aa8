"""Calibration: what a figure of the models is worth as a probability."""

from dataclasses import dataclass
from math import exp, log

NEAREST = 1e-6
"""No figure counts as nearer to certainty than this."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Log odds in, log odds out: a line, fitted on later rows than the models were trained on."""

    intercept: float = 0.0
    slope: float = 1.0
    """Never below 0: a model that was wrong on the later rows gets no say, instead of the opposite one."""

    def __call__(self, probability: float) -> float:
        return squashed(self.intercept + self.slope * log_odds(probability))


def log_odds(probability: float) -> float:
    held = min(max(probability, NEAREST), 1.0 - NEAREST)
    return log(held / (1.0 - held))


def squashed(odds: float) -> float:
    if odds >= 0.0:
        return 1.0 / (1.0 + exp(-odds))
    return (small := exp(odds)) / (1.0 + small)
