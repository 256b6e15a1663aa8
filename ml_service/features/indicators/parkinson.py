"""Parkinson volatility 20: per bar, from the highs and lows alone (Parkinson 1980)."""

from math import log, sqrt

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 20
SCALE = 4.0 * log(2.0)


def batch(candles: Candles) -> Floats:
    extent = windows.log_ratio(candles.high, candles.low)
    return np.sqrt(windows.mean(extent * extent / SCALE, BARS))


def stream() -> Step:
    mean = rolling.mean(BARS)

    def step(candle: Candle) -> float:
        extent = rolling.log_ratio(candle.high, candle.low)
        return sqrt(mean(extent * extent / SCALE))

    return step


FEATURE = Feature("parkinson", "volatility", BARS - 1, batch, stream, {"bars": BARS})
