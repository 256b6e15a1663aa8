"""EMA 20: the exponential mean of the closes."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step, settling_of

BARS = 20


def batch(candles: Candles) -> Floats:
    return windows.exponential(candles.close, BARS)


def stream() -> Step:
    average = rolling.exponential(BARS)
    return lambda candle: average(candle.close)


FEATURE = Feature(
    "ema", "trend", BARS - 1, batch, stream, {"bars": BARS}, scale_free=False, settling=settling_of(2.0 / (BARS + 1))
)
