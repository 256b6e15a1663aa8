"""Distance: how far a row of features lies from those that the models were trained on (Mahalanobis 1936), told twice.

Real features have such long tails that a few wild rows decide what is usual, and features that contradict each other
hide behind them. So the distance is told once of the values as they are, which finds what is too large, and once of
values whose tails are held by asinh, which finds what does not fit together. The larger one counts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]

SHRINKAGE = 0.05
"""Of the covariance towards its diagonal: features that say nearly the same would make any row look far away."""
VARIES_MIN = 1e-12
TAIL = 3.0
"""From a third of a usual deviation on, what is held grows like a logarithm."""
NORMAL_DEVIATION = 1.4826
"""Of a normal feature, by its median distance from the median."""
USUAL_SHARE = 0.999
"""Of the training rows lie within 1 by either measure …"""
ROOM = 1.25
"""… and a row that lies farther away by this factor is another world."""


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """Of a row: √(zᵀ P z), where z is the row less the mean; 0 for features that are missing, or were in training."""

    mean: Floats
    """By feature; 0 where it was never there."""
    inverse: Floats
    """P, feature by feature; 0 in the rows and columns of a feature that was never there, or never varied."""

    def of(self, rows: Floats) -> Floats:
        z = np.nan_to_num(rows - self.mean, nan=0.0)
        # A sum that rounding made negative would be no number under the root.
        found: Floats = np.sqrt(np.maximum(np.sum((z @ self.inverse) * z, axis=1), 0.0))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Nearness:
    plain: Measure
    held: Measure
    """Of asinh((row − center) × scale)."""
    center: Floats
    scale: Floats
    limit: float


def nearness(rows: Rows) -> Nearness:
    """Of training rows, [row, feature], NaN where a value is missing."""
    assert len(rows) > 0
    values = rows.astype(np.float64)
    plain = measure(values)
    center, scale = middle(values)
    held = measure(tails_held(values, center, scale))
    return Nearness(plain, held, center, scale, ROOM)


def distances(rows: Rows, near: Nearness) -> Floats:
    values = rows.astype(np.float64)
    found: Floats = np.maximum(near.plain.of(values), near.held.of(tails_held(values, near.center, near.scale)))
    return found


def measure(values: Floats) -> Measure:
    """In such a unit that all but one of a thousand rows lie within 1."""
    told = np.isfinite(values)
    counts = np.maximum(told.sum(axis=0), 1)
    mean = np.where(told, values, 0.0).sum(axis=0) / counts
    z = np.where(told, values - mean, 0.0)
    scale = np.sqrt((z**2).sum(axis=0) / counts)
    varies = scale > VARIES_MIN * np.maximum(np.abs(mean), 1.0)
    inverse = np.zeros((mean.size, mean.size))
    if varies.any():
        unit = z[:, varies] / scale[varies]
        correlation = unit.T @ unit / len(unit)
        np.fill_diagonal(correlation, 1.0)
        shrunk = (1.0 - SHRINKAGE) * correlation + SHRINKAGE * np.eye(len(correlation))
        inverse[np.ix_(varies, varies)] = np.linalg.inv(shrunk) / np.outer(scale[varies], scale[varies])
    usual = float(np.quantile(Measure(mean, inverse).of(values), USUAL_SHARE))
    return Measure(mean, inverse / usual**2 if usual > 0.0 else inverse)


def middle(values: Floats) -> tuple[Floats, Floats]:
    """By feature its median, and what makes deviations from it usual; 0 and 0 where it was never there."""
    center, scale = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for place, column in enumerate(values.T):
        told = column[np.isfinite(column)]
        if not told.size:
            continue
        center[place] = np.median(told)
        off = np.abs(told - center[place])
        # Most rows of some features say the very same.
        usual = NORMAL_DEVIATION * float(np.median(off)) or float(np.sqrt(np.mean(off**2)))
        scale[place] = TAIL / usual if usual > VARIES_MIN * max(abs(center[place]), 1.0) else 0.0
    return center, scale


def tails_held(values: Floats, center: Floats, scale: Floats) -> Floats:
    found: Floats = np.arcsinh((values - center) * scale)
    return found
