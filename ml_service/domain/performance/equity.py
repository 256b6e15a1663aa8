"""Equity: the curve that compounded daily returns draw, and how far and how long it was under water."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.performance.returns import Returns

NOISE = 1e-12
"""A fall below the peak by less than this is rounding."""


@dataclass(frozen=True, slots=True)
class Drawdown:
    percent: float
    """Of the peak; positive, and 0 where equity never fell."""
    days: int
    """How long the deepest one lasted: days that ended below the peak before it."""
    lasts: bool
    """Whether the last day still belongs to the deepest one."""
    days_max: int
    """Of the longest one, which need not be the deepest."""
    percent_now: float
    days_now: int


def drawdown(returns: Returns) -> Drawdown | None:
    """None without a single day. The start counts as a peak."""
    if not returns.size:
        return None
    depths = under_water(returns)
    # Numbers the stretches between peaks: days in one stretch share a drawdown.
    at_peak = depths <= NOISE
    stretch = np.cumsum(at_peak)
    lengths = np.bincount(stretch[~at_peak], minlength=int(stretch[-1]) + 1)
    deepest = int(np.argmax(depths))
    fell = not at_peak[deepest]
    return Drawdown(
        percent=100.0 * float(depths[deepest]) if fell else 0.0,
        days=int(lengths[stretch[deepest]]) if fell else 0,
        lasts=bool(fell and not at_peak[-1] and stretch[-1] == stretch[deepest]),
        days_max=int(lengths.max()),
        percent_now=0.0 if at_peak[-1] else 100.0 * float(depths[-1]),
        days_now=0 if at_peak[-1] else int(lengths[-1]),
    )


def under_water(returns: Returns) -> NDArray[np.float64]:
    """How far each day ended below the highest point before it, as a fraction of that."""
    height = log_equity(returns)
    peak = np.maximum(np.maximum.accumulate(height), 0.0)
    return -np.expm1(height - peak)


def log_equity(returns: Returns) -> NDArray[np.float64]:
    """The logarithm of what one unit became by the end of each day."""
    with np.errstate(divide="ignore"):  # a day that lost everything
        return np.cumsum(np.log1p(returns))
