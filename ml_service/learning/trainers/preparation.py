"""Preparation: what the training rows say of scale and of missing values, done to every row a model is shown."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_service.learning.examples import Rows

FARTHEST = 8.0
"""In standard deviations. Single bars of 33 % are real; they count as far out, and carry no model off."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """Each has one number for every feature."""

    center: tuple[float, ...]
    inverse: tuple[float, ...]
    """1 over the standard deviation; 0 for a feature that was never there or never changed, and so says nothing."""
    masked: tuple[float, ...]
    """1 where a value was missing from some of the training rows, but not from all: then its absence may tell
    something. A value that was never missing there is taken for the mean when it is."""

    def standard(self, rows: Rows) -> Rows:
        """[…, feature] → […, 2 features]: how far from the mean, and which are missing. Nothing in it is NaN."""
        center, inverse, masked = self.arrays()
        far = np.nan_to_num((rows - center) * inverse, nan=0.0).clip(-FARTHEST, FARTHEST)
        together: Rows = np.concatenate([far, np.isnan(rows) * masked], axis=-1, dtype=np.float32)
        return together

    def filled(self, rows: Rows) -> Rows:
        """For models that know themselves what to do with what is missing, where they saw it missing."""
        filled: Rows = np.where(np.isnan(rows), self.fill(), rows)
        return filled

    def fill(self) -> NDArray[np.float32]:
        """In the place of a missing value; NaN where it stays missing."""
        center, inverse, masked = self.arrays()
        stays = (masked == 1.0) | (inverse == 0.0)
        return np.where(stays, np.float32(np.nan), center)

    def arrays(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        center, inverse, masked = (np.asarray(each, np.float32) for each in (self.center, self.inverse, self.masked))
        return center, inverse, masked


def preparation_of(rows: Rows, seen_missing: NDArray[np.bool_] | None = None) -> Preparation:
    """`seen_missing` by feature, where the models see more rows than these."""
    there = ~np.isnan(rows)
    count = np.maximum(there.sum(axis=0), 1)
    exact = np.where(there, rows, 0.0).astype(np.float64)
    center = exact.sum(axis=0) / count
    deviation = np.sqrt((np.where(there, exact - center, 0.0) ** 2).sum(axis=0) / count)
    # Below this, the numbers differ by their rounding.
    varies = deviation > np.maximum(np.abs(center) * 1e-6, 1e-12)
    sometimes = np.any(~there, axis=0) if seen_missing is None else seen_missing
    return Preparation(
        center=numbers(center),
        inverse=numbers(np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varies)),
        masked=numbers(np.logical_and(sometimes, np.any(there, axis=0))),
    )


def numbers(values: NDArray[np.float64] | NDArray[np.bool_]) -> tuple[float, ...]:
    """As the graph will have them."""
    return tuple(float(value) for value in values.astype(np.float32))
