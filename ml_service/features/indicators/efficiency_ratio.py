"""Efficiency ratio 10: how much of the way travelled led anywhere, from 0 to 1."""

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 10


def batch(candles: Candles) -> Floats:
    way = np.abs(candles.close - windows.lagged(candles.close, BARS))
    return windows.share_of(way, windows.total(np.abs(windows.changed(candles.close)), BARS))


def stream() -> Step:
    begun, changed, walked = rolling.lag(BARS), rolling.changed(), rolling.total(BARS)

    def step(candle: Candle) -> float:
        way, path = abs(candle.close - begun(candle.close)), walked(abs(changed(candle.close)))
        return rolling.ratio(way, path)

    return step


FEATURE = Feature("efficiency_ratio", "trend", BARS, batch, stream, {"bars": BARS})
