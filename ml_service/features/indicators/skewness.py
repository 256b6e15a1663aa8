"""Skewness 30: whether the large returns among the last ones were rather up (above 0) or down."""

from collections.abc import Sequence
from math import nan, sqrt

import numpy as np

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import ROUNDING, Feature, Step

BARS = 30


def batch(candles: Candles) -> Floats:
    return windows.over(BARS, told_by_columns, windows.relative_change(candles.close))


def told_by_columns(rows: Floats) -> Floats:
    off = windows.centred(rows)
    squares = off * off
    spread = np.sqrt(np.add.reduce(squares, axis=0) / BARS)
    return np.where(spread > ROUNDING, windows.share_of(windows.product(squares, off) / BARS, spread**3), np.nan)


def stream() -> Step:
    returned, shape = rolling.relative_change(), rolling.over(BARS, told)
    return lambda candle: shape(returned(candle.close))


def told(window: Sequence[float]) -> float:
    off = rolling.centred(window)
    squares = [one * one for one in off]
    spread = sqrt(sum(squares) / BARS)
    return rolling.product(squares, off) / BARS / spread**3 if spread > ROUNDING else nan


FEATURE = Feature("skewness", "statistics", BARS, batch, stream, {"bars": BARS})
