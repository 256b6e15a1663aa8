"""True range: how far the price moved with this bar, the gap before it included."""

from math import isnan, nan

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.plain_talib import talib
from ml_service.features.spec import Feature, Step


def batch(candles: Candles) -> Floats:
    return windows.indicator(talib.TRANGE, candles.high, candles.low, candles.close)


def stream() -> Step:
    closed = rolling.lag(1)

    def step(candle: Candle) -> float:
        before = closed(candle.close)
        return nan if isnan(before) else max(candle.high, before) - min(candle.low, before)

    return step


FEATURE = Feature("true_range", "volatility", 1, batch, stream, scale_free=False)
