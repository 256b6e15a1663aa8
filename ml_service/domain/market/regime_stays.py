"""Stays: for how long a regime is told without a break, how much it flickers, and what follows it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.market.regimes import REGIMES, UNKNOWN

SHORT_BARS = 3
"""A stay of fewer bars is flicker."""

Codes = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Stays:
    """Of one regime, or of all; the first and the last are cut off by the ends, and count as they are."""

    count: int
    bars_mean: float | None
    bars_median: float | None
    short: float | None
    """The share that lasted fewer than SHORT_BARS."""


def known(codes: Codes) -> Codes:
    """Once a regime is told, one is told after every bar."""
    told: Codes = codes[codes != UNKNOWN]
    return told


def runs(codes: Codes) -> tuple[Codes, NDArray[np.int64]]:
    """Which regime each stay was in, and for how many bars."""
    begins = np.flatnonzero(np.concatenate((np.ones(min(1, codes.size), bool), codes[1:] != codes[:-1])))
    return codes[begins], np.diff(np.append(begins, codes.size))


def stays_of(lengths: NDArray[np.int64]) -> Stays:
    if not lengths.size:
        return Stays(0, None, None, None)
    short = float(np.mean(lengths < SHORT_BARS))
    return Stays(lengths.size, float(lengths.mean()), float(np.median(lengths)), short)


def transitions(stays: Codes) -> tuple[tuple[float, ...], ...]:
    """Of the times that a regime ended, the shares in which each other one followed; rows and columns as in REGIMES.

    A row of zeros where a regime never ended.
    """
    counts = np.zeros((len(REGIMES), len(REGIMES)))
    np.add.at(counts, (stays[:-1], stays[1:]), 1.0)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    return tuple(tuple(row) for row in shares.tolist())
