"""Quality: what is wrong with candles as they come from a file, before anything is put right.

Rows may be in any order, doubled, or broken; nothing here is changed, only counted and pointed at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.market.candles import Candles, Floats, Moments

EXAMPLES = 5
"""So many bars are named for each kind of trouble."""

LONGEST = 10
"""So many gaps are named."""

Flags = NDArray[np.bool_]

Rule = Literal["high below open", "high below close", "high below low", "low above open", "low above close"]


@dataclass(frozen=True, slots=True)
class Found:
    count: int = 0
    opened_at_ms: tuple[int, ...] = ()
    """Of the first few, in the order of the rows."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Between two bars that are there."""

    after_ms: int
    before_ms: int
    bars: int
    """How many are missing."""


@dataclass(frozen=True, slots=True)
class Gaps:
    count: int
    missing_bars: int
    longest: tuple[Gap, ...]
    """The longest first; of equals, the earlier."""


@dataclass(frozen=True, slots=True)
class Move:
    """From one close to the next, as a share of the former."""

    opened_at_ms: int
    ratio: float


@dataclass(frozen=True, slots=True)
class Quality:
    rows: int
    first_ms: int | None
    last_ms: int | None
    """The earliest and the latest bar, wherever they stand."""
    gaps: Gaps
    duplicates: Found
    """Rows whose time an earlier row has already …"""
    contradicting: Found
    """… and that say something else than that row."""
    out_of_order: Found
    """Rows that are earlier than one before them."""
    off_the_grid: Found
    zero_volume: Found
    negative_volume: Found
    volume_not_told: Found
    non_finite: Found
    """A price or a volume that is no number; a volume that was not told counts there alone."""
    non_positive: Found
    """A price of zero or less."""
    violations: Mapping[Rule, Found]
    """Rules that hold for every bar, and the rows that break them; those that nobody breaks are left out."""
    violating: Found
    """Rows that break one of them or several."""
    largest_move: Move | None
    """Between neighbouring bars, with no gap between them. None without two such bars."""

    @property
    def is_sound(self) -> bool:
        """Gaps and bars without trade are the market's; everything else is the file's."""
        troubles = (
            self.contradicting,
            self.off_the_grid,
            self.negative_volume,
            self.non_finite,
            self.non_positive,
            self.violating,
        )
        return not any(trouble.count for trouble in troubles)


def quality(candles: Candles, interval_ms: int) -> Quality:
    at = candles.opened_at_ms
    order = in_order(at)
    times = at[order]
    repeated = np.concatenate((np.zeros(min(1, at.size), bool), times[1:] == times[:-1]))
    once = order[~repeated]
    broken = broken_rules(candles)
    prices = (candles.open, candles.high, candles.low, candles.close)
    volume = candles.volume

    def found(flags: Flags) -> Found:
        return found_at(at, flags)

    with np.errstate(invalid="ignore"):
        return Quality(
            rows=at.size,
            first_ms=int(times[0]) if at.size else None,
            last_ms=int(times[-1]) if at.size else None,
            gaps=gaps_between(times, interval_ms),
            duplicates=found(put_back(order, repeated)),
            contradicting=found(contradictions(candles, order, repeated)),
            out_of_order=found(at < np.maximum.accumulate(at)) if at.size else Found(),
            off_the_grid=found(at % interval_ms != 0),
            zero_volume=found(volume == 0.0),
            negative_volume=found(volume < 0.0),
            volume_not_told=found(np.isnan(volume)),
            non_finite=found(np.isinf(volume) | ~np.isfinite(prices).all(axis=0)),
            non_positive=found(np.any([price <= 0.0 for price in prices], axis=0)),
            violations={rule: found(flags) for rule, flags in broken.items() if flags.any()},
            violating=found(np.any(list(broken.values()), axis=0)),
            largest_move=largest_move(at[once], candles.close[once], interval_ms),
        )


def in_order(at: Moments) -> NDArray[np.intp]:
    """The order of time; of rows with one time, the earlier row first."""
    if np.all(at[1:] >= at[:-1]):
        return np.arange(at.size)
    return np.argsort(at, kind="stable")


def put_back(order: NDArray[np.intp], flags: Flags) -> Flags:
    """From the order of time to the order of the rows."""
    out = np.zeros(flags.size, bool)
    out[order] = flags
    return out


def found_at(at: Moments, flags: Flags) -> Found:
    places = np.flatnonzero(flags)
    return Found(places.size, tuple(at[places[:EXAMPLES]].tolist()))


def gaps_between(times: Moments, interval_ms: int) -> Gaps:
    """A bar off the grid fills the place that it begins in."""
    places = times // interval_ms
    missing = np.maximum(np.diff(places) - 1, 0)
    longest = np.argsort(-missing, kind="stable")[:LONGEST]
    return Gaps(
        count=int(np.count_nonzero(missing)),
        missing_bars=int(missing.sum()),
        longest=tuple(
            Gap(int(times[place]), int(times[place + 1]), int(missing[place])) for place in longest if missing[place]
        ),
    )


def contradictions(candles: Candles, order: NDArray[np.intp], repeated: Flags) -> Flags:
    out = np.zeros(order.size, bool)
    if not repeated.any():
        return out
    firsts = order[np.maximum.accumulate(np.where(repeated, 0, np.arange(order.size)))]
    for column in (candles.open, candles.high, candles.low, candles.close, candles.volume):
        one, other = column[order], column[firsts]
        out[order] |= (one != other) & ~(np.isnan(one) & np.isnan(other))
    return out


def broken_rules(candles: Candles) -> dict[Rule, Flags]:
    """Nothing is broken by what is no number: that is found for itself."""
    with np.errstate(invalid="ignore"):
        return {
            "high below open": candles.high < candles.open,
            "high below close": candles.high < candles.close,
            "high below low": candles.high < candles.low,
            "low above open": candles.low > candles.open,
            "low above close": candles.low > candles.close,
        }


def largest_move(times: Moments, close: Floats, interval_ms: int) -> Move | None:
    before, after = close[:-1], close[1:]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        ratios = after / before - 1.0
        told = (np.diff(times) == interval_ms) & np.isfinite(ratios) & (before > 0.0) & (after > 0.0)
    if not told.any():
        return None
    place = int(np.argmax(np.where(told, np.abs(ratios), -1.0)))
    return Move(int(times[place + 1]), float(ratios[place]))
