"""Close location value: where the bar closed in its range, from -1 at the low to 1 at the high."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step


def batch(candles: Candles) -> Floats:
    return windows.share_of(2.0 * candles.close - candles.high - candles.low, candles.high - candles.low)


def stream() -> Step:
    return told


def told(candle: Candle) -> float:
    extent = candle.high - candle.low
    return rolling.ratio((2.0 * candle.close - candle.high - candle.low), extent)


FEATURE = Feature("close_location", "price", 0, batch, stream)
