"""Conformal answers: which outcomes a chance leaves open, right in a stated share of cases whatever the model is worth
(Vovk, Gammerman and Shafer 2005; split conformal)."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MISS = 0.1
"""In so many cases may the outcome lie outside the answer."""


@dataclass(frozen=True, slots=True)
class Conformal:
    """An outcome that was told to be less likely than this is left out of the answer."""

    least: float
    miss: float = MISS


@dataclass(frozen=True, slots=True)
class Kept:
    """How the answers did on rows they were not fitted to."""

    covered: float
    decided: float
    """The share in which the answer is one outcome alone."""
    rows: int


def conformal(chances: Floats, came_true: NDArray[np.bool_], miss: float = MISS) -> Conformal:
    """With the correction for a finite number of rows; it holds for rows that could be exchanged, so overlapping labels
    and a changing market take something from it."""
    told = np.sort(np.where(came_true, chances, 1.0 - chances))
    place = math.floor(miss * (told.size + 1)) - 1
    return Conformal(float(told[place]) if place >= 0 else 0.0, miss)


def kept(least: Floats | float, chances: Floats, came_true: NDArray[np.bool_]) -> Kept:
    """By one rule, or each row by its own. What may both come true and not: the model does not know, and says so."""
    may, may_not = chances >= least, 1.0 - chances >= least
    covered = np.where(came_true, may, may_not)
    return Kept(float(covered.mean()), float((may != may_not).mean()), chances.size)
