"""Ulcer index 14: how deep and how long the close was below its highest, as a root mean square percentage."""

from math import sqrt

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 14


def batch(candles: Candles) -> Floats:
    top = windows.highest(candles.close, BARS)
    depth = 100.0 * (candles.close - top) / top
    return np.sqrt(windows.mean(depth * depth, BARS))


def stream() -> Step:
    highest, mean = rolling.highest(BARS), rolling.mean(BARS)

    def step(candle: Candle) -> float:
        top = highest(candle.close)
        depth = 100.0 * (candle.close - top) / top
        return sqrt(mean(depth * depth))

    return step


FEATURE = Feature("ulcer_index", "volatility", 2 * (BARS - 1), batch, stream, {"bars": BARS})
