"""Many bars in few columns of a picture, so that no spike, no gap and no short stay in a regime is lost."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.market.candles import Candles, Floats
from ml_service.domain.market.regimes import REGIMES, Regimes

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One entry for each column, in the order of time; all of them are equally long."""

    begin_ms: int
    end_ms: int
    """When the last bar of the last column closed."""
    low: Floats
    """The lowest price of its bars, and of the close before them where no bar is missing between: NaN without bars …"""
    high: Floats
    """… and the highest."""
    expected: Counts
    """So many bars there would be without a gap …"""
    bars: Counts
    """… and so many there are, …"""
    zero_volume: Counts
    """… without a trade, …"""
    dropped: Counts
    """… or that training leaves out."""
    regimes: Counts
    """A row for each column: how many bars in each of REGIMES, and at last those whose regime is unknown."""


def picture(candles: Candles, regimes: Regimes, keep: NDArray[np.bool_], interval_ms: int, columns_max: int) -> Picture:
    """Bars on the grid of their interval, in order, each once."""
    at = candles.opened_at_ms
    assert at.size
    slots = int(at[-1] - at[0]) // interval_ms + 1
    columns = min(slots, columns_max)
    slot = (at - at[0]) // interval_ms
    place = slot * columns // slots
    low, high = reach(candles, slot, place, columns)
    expected = np.diff(-(-np.arange(columns + 1) * slots // columns))

    def counted(which: NDArray[np.bool_]) -> Counts:
        return np.bincount(place[which], minlength=columns)

    codes = np.where(regimes.code < 0, len(REGIMES), regimes.code)
    shares = np.bincount(place * (len(REGIMES) + 1) + codes, minlength=columns * (len(REGIMES) + 1))
    return Picture(
        begin_ms=int(at[0]),
        end_ms=int(at[0]) + slots * interval_ms,
        low=low,
        high=high,
        expected=expected,
        bars=np.bincount(place, minlength=columns),
        zero_volume=counted(candles.volume == 0.0),
        dropped=counted(~keep),
        regimes=shares.reshape(columns, -1),
    )


def reach(candles: Candles, slot: Counts, place: Counts, columns: int) -> tuple[Floats, Floats]:
    begins = np.flatnonzero(np.concatenate(([True], place[1:] != place[:-1])))
    lowest, highest = np.minimum.reduceat(candles.low, begins), np.maximum.reduceat(candles.high, begins)
    joins = begins[1:][slot[begins[1:]] == slot[begins[1:] - 1] + 1]
    joined = np.searchsorted(begins, joins)
    lowest[joined] = np.minimum(lowest[joined], candles.close[joins - 1])
    highest[joined] = np.maximum(highest[joined], candles.close[joins - 1])
    low, high = np.full(columns, np.nan), np.full(columns, np.nan)
    low[place[begins]], high[place[begins]] = lowest, highest
    return low, high
