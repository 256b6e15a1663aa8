"""HMA 16: Hull's mean, which gives up smoothness to lag hardly at all."""

from math import isqrt

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.plain_talib import talib
from ml_service.features.spec import Feature, Step

BARS = 16


def batch(candles: Candles) -> Floats:
    return windows.indicator(talib.HMA, candles.close, timeperiod=BARS)


def stream() -> Step:
    half, whole, smooth = rolling.weighted(BARS // 2), rolling.weighted(BARS), rolling.weighted(isqrt(BARS))

    def step(candle: Candle) -> float:
        return smooth(2.0 * half(candle.close) - whole(candle.close))

    return step


FEATURE = Feature("hull_average", "trend", BARS + isqrt(BARS) - 2, batch, stream, {"bars": BARS}, scale_free=False)
