"""Variance ratio 60/5: above 1 returns add up to trends, below 1 they take each other back (Lo and MacKinlay 1988)."""

from collections.abc import Sequence
from itertools import accumulate
from math import nan

import numpy as np

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import ROUNDING, Feature, Step

BARS, STRIDE = 60, 5
SCALE = STRIDE * (BARS - STRIDE + 1) * (1.0 - STRIDE / BARS) / (BARS - 1)


def batch(candles: Candles) -> Floats:
    returns = windows.log_ratio(candles.close, windows.lagged(candles.close, 1))
    return windows.over(BARS, told_by_columns, returns)


def told_by_columns(rows: Floats) -> Floats:
    off = windows.centred(rows)
    strides = off[: 1 - STRIDE].copy()
    for ahead in range(1, STRIDE):
        strides += off[ahead : len(strides) + ahead]
    short = windows.product(off, off)
    ratio = windows.share_of(windows.product(strides, strides), short * SCALE)
    return np.where(short > BARS * ROUNDING**2, ratio, np.nan)


def stream() -> Step:
    before, ratio = rolling.lag(1), rolling.over(BARS, told)
    return lambda candle: ratio(rolling.log_ratio(candle.close, before(candle.close)))


def told(window: Sequence[float]) -> float:
    off = rolling.centred(window)
    way = list(accumulate(off, initial=0.0))
    strides = [after - before for after, before in zip(way[STRIDE:], way, strict=False)]
    short = rolling.product(off, off)
    return rolling.product(strides, strides) / (short * SCALE) if short > BARS * ROUNDING**2 else nan


FEATURE = Feature("variance_ratio", "statistics", BARS, batch, stream, {"bars": BARS, "stride": STRIDE})
