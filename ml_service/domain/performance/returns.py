"""Returns: what a series of daily returns says about gain and risk.

Simple returns as fractions, one for every day of the calendar. Definitions are those of empyrical and
quantstats, without a risk-free rate. Where those answer 0, NaN or infinity for want of something to divide by,
the answer here is None.
"""

import math

import numpy as np
from numpy.typing import NDArray

YEAR_DAYS = 365
"""Crypto is traded on every day of the year."""

Returns = NDArray[np.float64]


def annual_return(returns: Returns, year_days: int = YEAR_DAYS) -> float | None:
    """The constant growth a year that would have led to the same end."""
    if not returns.size:
        return None
    return grown(log_growth(returns) * year_days / returns.size)


def compounded(returns: Returns) -> float | None:
    return grown(log_growth(returns)) if returns.size else None


def volatility(returns: Returns, year_days: int = YEAR_DAYS) -> float | None:
    if returns.size < 2:
        return None
    return finite(float(np.std(returns, ddof=1)) * math.sqrt(year_days))


def sharpe_ratio(returns: Returns, year_days: int = YEAR_DAYS) -> float | None:
    if is_constant(returns):
        return None
    return finite(float(np.mean(returns) / np.std(returns, ddof=1)) * math.sqrt(year_days))


def sortino_ratio(returns: Returns, year_days: int = YEAR_DAYS) -> float | None:
    """By the root mean square of what fell below 0, over all days."""
    downside = np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2)) if returns.size > 1 else 0.0
    if not downside > 0.0:
        return None
    return finite(float(np.mean(returns) / downside) * math.sqrt(year_days))


def sharpe_probability(returns: Returns) -> float | None:
    """How probable it is that the true Sharpe ratio is above 0, given the length, skew and tails of the series.

    Bailey and López de Prado, The Sharpe Ratio Efficient Frontier (2012).
    """
    count = returns.size
    if count < 4 or is_constant(returns):
        return None
    distance = returns - np.mean(returns)
    squares, cubes, fourths = (np.sum(distance**power) for power in (2, 3, 4))
    # Both without bias, as pandas and quantstats have them.
    skew = count * math.sqrt(count - 1) / (count - 2) * cubes / squares**1.5
    excess = (
        count * (count + 1) * (count - 1) / ((count - 2) * (count - 3)) * fourths / squares**2
        - 3 * (count - 1) ** 2 / ((count - 2) * (count - 3))
    )  # fmt: skip
    return probability_above_0(
        float(np.mean(returns) / np.std(returns, ddof=1)), count, float(skew), float(excess + 3.0)
    )


def probability_above_0(ratio: float, count: int, skew: float, kurtosis: float) -> float | None:
    """`ratio` is of one period, not of a year; `kurtosis` is 3 for a normal distribution."""
    spread = 1.0 - skew * ratio + (kurtosis - 1.0) / 4.0 * ratio**2
    if not spread > 0.0:
        return None
    return (1.0 + math.erf(ratio * math.sqrt((count - 1) / spread / 2.0))) / 2.0


def is_constant(returns: Returns) -> bool:
    """Nothing to divide by. Asked of the values: rounding leaves their deviation a little above 0."""
    return returns.size < 2 or bool(np.ptp(returns) == 0.0)


def log_growth(returns: Returns) -> float:
    """In logarithms, so that a long and good history does not grow out of the range of a number."""
    with np.errstate(divide="ignore"):  # a day that lost everything
        return float(np.sum(np.log1p(returns)))


def grown(logarithm: float) -> float | None:
    try:
        return finite(math.expm1(logarithm))
    except OverflowError:
        return None


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
