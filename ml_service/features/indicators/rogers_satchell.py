"""Rogers-Satchell volatility 20: per bar, and blind to a trend (Rogers and Satchell 1991)."""

from math import nan, sqrt

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 20


def batch(candles: Candles) -> Floats:
    above = windows.log_ratio(candles.high, candles.close) * windows.log_ratio(candles.high, candles.open)
    below = windows.log_ratio(candles.low, candles.close) * windows.log_ratio(candles.low, candles.open)
    variance = windows.mean(above + below, BARS)
    # Below 0 only where bodies stick out of their ranges: such bars tell nothing.
    return np.sqrt(np.where(variance >= 0.0, variance, np.nan))


def stream() -> Step:
    mean = rolling.mean(BARS)

    def step(candle: Candle) -> float:
        above = rolling.log_ratio(candle.high, candle.close) * rolling.log_ratio(candle.high, candle.open)
        below = rolling.log_ratio(candle.low, candle.close) * rolling.log_ratio(candle.low, candle.open)
        variance = mean(above + below)
        return sqrt(variance) if variance >= 0.0 else nan

    return step


FEATURE = Feature("rogers_satchell", "volatility", BARS - 1, batch, stream, {"bars": BARS})
