"""TRIMA 20: the mean of the last closes, the middle ones weighing most."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.plain_talib import talib
from ml_service.features.spec import Feature, Step

BARS = 20


def batch(candles: Candles) -> Floats:
    return windows.indicator(talib.TRIMA, candles.close, timeperiod=BARS)


def stream() -> Step:
    # The mean of means: of 10 and of 11 bars, which together reach over 20.
    inner, outer = rolling.mean(BARS // 2), rolling.mean(BARS // 2 + 1)
    return lambda candle: outer(inner(candle.close))


FEATURE = Feature("trima", "trend", BARS - 1, batch, stream, {"bars": BARS}, scale_free=False)
