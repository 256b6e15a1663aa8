"""Returns: what the market did while a regime was told, and what it did next.

What it did meanwhile is partly what the regime was told from: large moves make a volatile market. Only what
comes next says whether knowing the regime was worth anything. A gap is one move, as everywhere here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.market.candles import Candles, Floats
from ml_service.domain.market.regime_blocks import Figure, block_sums, estimated
from ml_service.domain.statistics.estimate import Estimate

USUAL_BARS = 480

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Inside:
    """Returns of the bars themselves, as logarithms. None where bars are too few, or do not move."""

    mean: Estimate | None
    deviation: Estimate | None
    skew: Estimate | None
    kurtosis: Estimate | None
    """Beyond that of a normal distribution."""
    size: Estimate | None
    """The mean without the sign."""
    autocorrelation: Estimate | None
    """With the return of the bar after it, whatever regime that is in."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """The next so many bars together, from the close at which the regime was told."""

    size: Estimate | None
    """The mean return, without its sign …"""
    size_usual: Estimate | None
    """… for each usual move of one bar, known at the time."""
    size_ratio: Estimate | None
    """That, over that of all bars in other regimes: 1 where the regime tells nothing of how much is to come."""
    efficiency: Estimate | None
    """Net move over path."""
    efficiency_ratio: Estimate | None
    """Over that of all bars in other regimes: 1 where the regime tells nothing of whether a move goes on."""


@dataclass(frozen=True, slots=True, eq=False)
class Returns:
    """For each bar; NaN where there is no such return."""

    own: Floats
    next: Floats
    ahead_size: Floats
    ahead_size_usual: Floats
    ahead_efficiency: Floats


def returns_of(candles: Candles, ahead_bars: int) -> Returns:
    bars = len(candles)
    level = np.log(candles.close)
    own, following, size, path = (np.full(bars, np.nan) for _ in range(4))
    own[1:] = np.diff(level)
    following[:-1] = own[1:]
    size[:-ahead_bars] = np.abs(level[ahead_bars:] - level[:-ahead_bars])
    gone = np.concatenate(([0.0], np.cumsum(np.abs(own[1:]))))
    path[:-ahead_bars] = gone[ahead_bars:] - gone[:-ahead_bars]
    usual = np.full(bars, np.nan)
    usual[USUAL_BARS:] = (gone[USUAL_BARS:] - gone[:-USUAL_BARS]) / USUAL_BARS
    with np.errstate(divide="ignore", invalid="ignore"):
        return Returns(
            own, following, size, np.where(usual > 0.0, size / usual, np.nan), np.where(path > 0.0, size / path, np.nan)
        )


def inside(returns: Returns, here: Flags, block_bars: int) -> Inside:
    own, following = returns.own, returns.next
    paired = here & np.isfinite(own) & np.isfinite(following)
    here = here & np.isfinite(own)
    powers = sums_of(here, [np.ones(own.size), own, own**2, own**3, own**4, np.abs(own)], block_bars)
    pairs = sums_of(paired, [np.ones(own.size), own, following, own**2, following**2, own * following], block_bars)
    return Inside(
        mean=estimated(mean, powers),
        deviation=estimated(deviation, powers),
        skew=estimated(skew, powers),
        kurtosis=estimated(kurtosis, powers),
        size=estimated(lambda sums: sums[..., 5] / sums[..., 0], powers),
        autocorrelation=estimated(correlation, pairs),
    )


def ahead(returns: Returns, here: Flags, elsewhere: Flags, block_bars: int) -> Ahead:
    def told(values: Floats, figure: Figure) -> Estimate | None:
        there = np.isfinite(values)
        one = sums_of(here & there, [np.ones(values.size), values], block_bars)
        other = sums_of(elsewhere & there, [np.ones(values.size), values], block_bars)
        return estimated(figure, np.hstack((one, other)))

    return Ahead(
        size=told(returns.ahead_size, mean),
        size_usual=told(returns.ahead_size_usual, mean),
        size_ratio=told(returns.ahead_size_usual, ratio_of_means),
        efficiency=told(returns.ahead_efficiency, mean),
        efficiency_ratio=told(returns.ahead_efficiency, ratio_of_means),
    )


def sums_of(here: Flags, columns: list[Floats], block_bars: int) -> Floats:
    return block_sums(np.where(here[:, None], np.stack(columns, axis=1), 0.0), block_bars)


def mean(sums: Floats) -> Floats:
    value: Floats = sums[..., 1] / sums[..., 0]
    return value


def ratio_of_means(sums: Floats) -> Floats:
    value: Floats = sums[..., 1] / sums[..., 0] / (sums[..., 3] / sums[..., 2])
    return value


def moments(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """The second to the fourth about the mean, from the sums of the powers."""
    first, second, third, fourth = (sums[..., power] / sums[..., 0] for power in range(1, 5))
    return (
        second - first**2,
        third - 3.0 * first * second + 2.0 * first**3,
        fourth - 4.0 * first * third + 6.0 * first**2 * second - 3.0 * first**4,
    )


def deviation(sums: Floats) -> Floats:
    value: Floats = np.sqrt(moments(sums)[0])
    return value


def skew(sums: Floats) -> Floats:
    second, third, _ = moments(sums)
    value: Floats = third / second**1.5
    return value


def kurtosis(sums: Floats) -> Floats:
    second, _, fourth = moments(sums)
    return fourth / second**2 - 3.0


def correlation(sums: Floats) -> Floats:
    count = sums[..., 0]
    one, other = sums[..., 1] / count, sums[..., 2] / count
    spread = np.sqrt((sums[..., 3] / count - one**2) * (sums[..., 4] / count - other**2))
    value: Floats = (sums[..., 5] / count - one * other) / spread
    return value
