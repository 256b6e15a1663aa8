"""Garman-Klass volatility 20: per bar, from the range and the body (Garman and Klass 1980)."""

from math import log, nan, sqrt

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 20
SCALE = 2.0 * log(2.0) - 1.0


def batch(candles: Candles) -> Floats:
    extent, body = windows.log_ratio(candles.high, candles.low), windows.log_ratio(candles.close, candles.open)
    variance = windows.mean(0.5 * extent * extent - SCALE * body * body, BARS)
    # Below 0 only where bodies stick out of their ranges: such bars tell nothing.
    return np.sqrt(np.where(variance >= 0.0, variance, np.nan))


def stream() -> Step:
    mean = rolling.mean(BARS)

    def step(candle: Candle) -> float:
        extent, body = rolling.log_ratio(candle.high, candle.low), rolling.log_ratio(candle.close, candle.open)
        variance = mean(0.5 * extent * extent - SCALE * body * body)
        return sqrt(variance) if variance >= 0.0 else nan

    return step


FEATURE = Feature("garman_klass", "volatility", BARS - 1, batch, stream, {"bars": BARS})
