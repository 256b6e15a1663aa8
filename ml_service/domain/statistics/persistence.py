"""Persistence: how long a series remembers, and so how long its blocks have to be (Politis and White 2004, with the
correction of Patton, Politis and White 2009)."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CORRECTION_MAX = 0.5
"""So much of the variance may be missing from blocks, and no more is made up for."""


@dataclass(frozen=True, slots=True)
class Persistence:
    spread: float
    """The variance of the mean, times the rows, all autocorrelations counted …"""
    reach: float
    """… and the same, each of them times its lag."""

    def block_rows(self, rows: int) -> int:
        """The length at which circular blocks err least about the variance of the mean."""
        if self.spread <= 0.0:
            return 1
        return round(math.cbrt(1.5 * (self.reach / self.spread) ** 2 * rows))

    def widening(self, length: int) -> float:
        """Blocks of so many rows cut through what neighbours share: the error that they tell, times this."""
        if self.spread <= 0.0:
            return 1.0
        lost = min(max(self.reach / (length * self.spread), 0.0), CORRECTION_MAX)
        return math.sqrt(1.0 / (1.0 - lost))


def persistence(series: Floats) -> Persistence:
    """Of rows in the order of time."""
    rows = series.size
    if rows < 3 or not np.ptp(series) > 0.0:
        return Persistence(0.0, 0.0)
    few = max(5, math.ceil(math.sqrt(math.log10(rows))))
    most = min(rows - 1, math.ceil(math.sqrt(rows)) + few)
    shared = autocovariances(series, most)
    heard = np.abs(shared[1:]) > 2.0 * math.sqrt(math.log10(rows) / rows) * shared[0]
    lags = np.arange(1, 2 * remembered(heard, few) + 1)[:most]
    # A flat top keeps near lags whole; where blocks count each lag by less, this does not (Politis and Romano 1995).
    weights = np.minimum(1.0, 2.0 * (1.0 - lags / max(lags.size, 1))) * shared[lags]
    return Persistence(float(shared[0] + 2.0 * weights.sum()), float(2.0 * (lags * weights).sum()))


def autocovariances(series: Floats, most: int) -> Floats:
    size = 1 << (2 * series.size - 1).bit_length()
    turned = np.fft.rfft(series - series.mean(), size)
    found: Floats = np.fft.irfft(turned * np.conj(turned), size)[: most + 1] / series.size
    return found


def remembered(heard: NDArray[np.bool_], few: int) -> int:
    """The last lag before so many in a row that nothing is heard of; else the last that anything is heard of."""
    silent = np.convolve(~heard, np.ones(few), "valid") >= few
    if silent.any():
        return int(np.argmax(silent))
    places = np.flatnonzero(heard)
    return int(places[-1]) + 1 if places.size else 0
