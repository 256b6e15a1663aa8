"""Autocorrelation 30: whether a return tends to be followed by one like it (above 0) or by its opposite."""

from collections.abc import Sequence
from math import nan

import numpy as np

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import ROUNDING, Feature, Step

BARS = 30


def batch(candles: Candles) -> Floats:
    return windows.over(BARS, told_by_columns, windows.relative_change(candles.close))


def told_by_columns(rows: Floats) -> Floats:
    off = windows.centred(rows)
    whole = windows.product(off, off)
    still = whole <= BARS * ROUNDING**2
    return np.where(still, np.nan, windows.share_of(windows.product(off[1:], off[:-1]), whole))


def stream() -> Step:
    returned, shape = rolling.relative_change(), rolling.over(BARS, told)
    return lambda candle: shape(returned(candle.close))


def told(window: Sequence[float]) -> float:
    off = rolling.centred(window)
    whole = rolling.product(off, off)
    return rolling.product(off[1:], off) / whole if whole > BARS * ROUNDING**2 else nan


FEATURE = Feature("autocorrelation", "statistics", BARS, batch, stream, {"bars": BARS})
