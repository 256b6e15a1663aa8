"""Balance of power: how much of the bar's range lies between its open and its close, signed by which is higher."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step


def batch(candles: Candles) -> Floats:
    return windows.share_of(candles.close - candles.open, candles.high - candles.low)


def stream() -> Step:
    return told


def told(candle: Candle) -> float:
    extent = candle.high - candle.low
    return rolling.ratio((candle.close - candle.open), extent)


FEATURE = Feature("balance_of_power", "price", 0, batch, stream)
