"""WMA 20: the mean of the last closes, the latest weighing most."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.plain_talib import talib
from ml_service.features.spec import Feature, Step

BARS = 20


def batch(candles: Candles) -> Floats:
    return windows.indicator(talib.WMA, candles.close, timeperiod=BARS)


def stream() -> Step:
    average = rolling.weighted(BARS)
    return lambda candle: average(candle.close)


FEATURE = Feature("wma", "trend", BARS - 1, batch, stream, {"bars": BARS}, scale_free=False)
