"""Distance: how far a row of features lies from those that the models were trained on (Mahalanobis 1936)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHRINKAGE = 0.05
"""Of the covariance towards its diagonal: features that say nearly the same would make any row look far away."""
VARIES_MIN = 1e-12
USUAL_SHARE = 0.999
"""Of the training rows lie within the usual distance …"""
ROOM = 1.5
"""… and a row that lies farther away by this factor is another world."""


@dataclass(frozen=True, slots=True, eq=False)
class Nearness:
    """Of a row: √(zᵀ P z), where z is the row less the mean; 0 for features that are missing, or were in training."""

    mean: NDArray[np.float64]
    """By feature; 0 where it was never there."""
    inverse: NDArray[np.float64]
    """P, feature by feature; 0 in the rows and columns of a feature that was never there, or never varied."""
    limit: float


def nearness(rows: NDArray[np.float32]) -> Nearness:
    """Of training rows, [row, feature], NaN where a value is missing."""
    assert len(rows) > 0
    values = rows.astype(np.float64)
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
    limit = ROOM * float(np.quantile(distances(rows, mean, inverse), USUAL_SHARE))
    return Nearness(mean, inverse, limit)


def distances(
    rows: NDArray[np.float32], mean: NDArray[np.float64], inverse: NDArray[np.float64]
) -> NDArray[np.float64]:
    z = np.nan_to_num(rows.astype(np.float64) - mean, nan=0.0)
    # A sum that rounding made negative would be no number under the root.
    found: NDArray[np.float64] = np.sqrt(np.maximum(np.sum((z @ inverse) * z, axis=1), 0.0))
    return found
