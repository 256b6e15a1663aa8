"""SMA 20: the plain mean of the last closes."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 20


def batch(candles: Candles) -> Floats:
    return windows.mean(candles.close, BARS)


def stream() -> Step:
    average = rolling.mean(BARS)
    return lambda candle: average(candle.close)


FEATURE = Feature("sma", "trend", BARS - 1, batch, stream, {"bars": BARS}, scale_free=False)
