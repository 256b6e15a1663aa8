"""OBV against its own last 20 bars: how many standard deviations it is above their mean."""

from collections import deque
from itertools import accumulate
from math import isnan, nan, sqrt

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 20


def batch(candles: Candles) -> Floats:
    signed = np.sign(windows.changed(candles.close)) * candles.volume
    return windows.over(BARS, told_by_columns, signed)


def told_by_columns(rows: Floats) -> Floats:
    off = windows.centred(windows.accumulated(rows))
    return windows.share_of(off[-1], np.sqrt(windows.product(off, off) / BARS))


def stream() -> Step:
    before = rolling.lag(1)
    place = rolling.over(BARS, told)

    def step(candle: Candle) -> float:
        past = before(candle.close)
        sign = (candle.close > past) - (candle.close < past) if not isnan(past) else nan
        return place(sign * candle.volume)

    return step


def told(window: deque[float]) -> float:
    """Only the window's own part of OBV counts: where it once began does not matter."""
    off = rolling.centred(list(accumulate(window)))
    spread = sqrt(rolling.product(off, off) / BARS)
    return off[-1] / spread if spread != 0.0 else nan


FEATURE = Feature("obv_zscore", "volume", BARS, batch, stream, {"bars": BARS})
