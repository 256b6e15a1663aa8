"""Noise: bars that training had better not learn from, and why. For training rows only: it looks at later bars.

A great move is no noise. What happened and stayed is the market; so is what came back, if it was traded.
Features are worked out from all bars, the dropped ones too, as they are live; only the row is left out.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.market.candles import Candles, Floats, Moments
from ml_service.domain.market.quality import broken_rules

Reason = Literal["broken", "zero_volume", "frozen", "after_gap", "bad_print"]

REASONS: tuple[Reason, ...] = get_args(Reason)

WHY: dict[Reason, str] = {
    "broken": "its prices contradict each other, or are no prices",
    "zero_volume": "nothing was traded",
    "frozen": "the price has not moved at all for too many bars: a feed that stands still",
    "after_gap": "its move took longer than one bar",
    "bad_print": "the price went far away and came back, with next to nothing traded",
}

Flags = NDArray[np.bool_]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class NoisePolicy:
    frozen_bars: int = 5
    """So many without any movement in a row, or more, are dropped."""
    after_gap_bars: int = 1
    """So many are dropped after a gap."""
    spike_moves: float = 10.0
    """A spike is further away than so many usual moves …"""
    spike_kept: float = 0.25
    """… keeps no more than this share of its way …"""
    spike_bars: int = 2
    """… after so many bars …"""
    spike_volume: float = 0.05
    """… each of which had less than this share of the usual volume."""
    usual_bars: int = 48
    """Usual is the mean of so many bars before."""

    def __post_init__(self) -> None:
        assert min(self.frozen_bars, self.after_gap_bars, self.spike_bars, self.usual_bars) >= 1


@dataclass(frozen=True, slots=True, eq=False)
class Dropped:
    """For one reason; a bar may be dropped for several."""

    reason: Reason
    places: Places
    opened_at_ms: Moments

    @property
    def count(self) -> int:
        return self.places.size

    @property
    def why(self) -> str:
        return WHY[self.reason]


@dataclass(frozen=True, slots=True, eq=False)
class NoiseReport:
    keep: Flags
    """One entry for each bar."""
    dropped: tuple[Dropped, ...]
    """One for each reason, also for those that nothing was dropped for."""

    @property
    def rows(self) -> int:
        return self.keep.size

    @property
    def count(self) -> int:
        return self.rows - int(np.count_nonzero(self.keep))


def noise(candles: Candles, interval_ms: int, policy: NoisePolicy | None = None) -> NoiseReport:
    """Bars in order, each once. Never for a live bar: whether a spike reverts is known only after it."""
    policy = policy or NoisePolicy()
    at = candles.opened_at_ms
    assert np.all(at[1:] > at[:-1])
    broken = broken_bars(candles)
    flags: dict[Reason, Flags] = {
        "broken": broken,
        "zero_volume": candles.volume == 0.0,
        "frozen": frozen(candles, policy.frozen_bars),
        "after_gap": after_gap(at, interval_ms, policy.after_gap_bars),
        "bad_print": bad_prints(candles, broken, policy),
    }
    dropped = tuple(Dropped(reason, np.flatnonzero(flags[reason]), at[flags[reason]]) for reason in REASONS)
    return NoiseReport(~np.any(list(flags.values()), axis=0), dropped)


def broken_bars(candles: Candles) -> Flags:
    prices = np.stack((candles.open, candles.high, candles.low, candles.close))
    with np.errstate(invalid="ignore"):
        sound = np.isfinite(prices).all(axis=0) & (prices > 0.0).all(axis=0) & ~(candles.volume < 0.0)
    breaks: Flags = np.any(list(broken_rules(candles).values()), axis=0)
    return breaks | ~sound


def frozen(candles: Candles, bars: int) -> Flags:
    """Whole runs in which every bar opened, stayed and closed where the one before it had closed."""
    still = (candles.high == candles.low) & (candles.open == candles.close)
    still[1:] &= candles.close[1:] == candles.close[:-1]
    still[:1] = False
    ends = np.flatnonzero(np.diff(np.concatenate(([0], still.astype(np.int8), [0]))))
    begins, ends = ends[::2], ends[1::2]
    out = np.zeros(still.size, bool)
    for begin, end in zip(begins, ends, strict=True):
        out[begin:end] = end - begin >= bars
    return out


def after_gap(at: Moments, interval_ms: int, bars: int) -> Flags:
    out = np.zeros(at.size, bool)
    late = np.flatnonzero(np.diff(at) > interval_ms) + 1
    for later in range(bars):
        out[np.minimum(late + later, at.size - 1)] = True
    return out


def bad_prints(candles: Candles, broken: Flags, policy: NoisePolicy) -> Flags:
    """Volume that was not told is no reason to drop anything."""
    out = np.zeros(len(candles), bool)
    reach = away(candles, broken)
    thin_below = policy.spike_volume * usual(candles.volume, policy.usual_bars)
    suspects = (reach > policy.spike_moves * usual(reach, policy.usual_bars)) & (candles.volume < thin_below)
    for place in np.flatnonzero(suspects).tolist():
        bars = spike_bars(candles, place, reach[place] * policy.spike_kept, policy.spike_bars)
        if np.all(candles.volume[place : place + bars] < thin_below[place]):
            out[place : place + bars] = True
    return out


def away(candles: Candles, broken: Flags) -> Floats:
    """How far each bar went from the close before it, as a share of that; 0 where that cannot be told."""
    out = np.zeros(len(candles))
    sound = ~(broken[1:] | broken[:-1])
    high, low, before = candles.high[1:][sound], candles.low[1:][sound], candles.close[:-1][sound]
    out[1:][sound] = np.maximum(high / before, 2.0 - low / before) - 1.0
    return out


def usual(values: Floats, bars: int) -> Floats:
    """The mean of the bars before each; 0, which nothing is less than, where they are too few."""
    out = np.zeros(values.size)
    sums = np.concatenate(([0.0], np.cumsum(np.where(np.isfinite(values), values, 0.0))))
    out[bars:] = (sums[bars:-1] - sums[: -bars - 1]) / bars
    return out


def spike_bars(candles: Candles, place: int, near: float, bars_max: int) -> int:
    """How many bars it took until a close was near again where it had been before; 0 if it was not."""
    before = candles.close[place - 1]
    for later, close in enumerate(candles.close[place : place + bars_max + 1].tolist()):
        if abs(close / before - 1.0) <= near:
            return max(later, 1)
    return 0
