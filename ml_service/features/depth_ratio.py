"""Depth ratio: the log of the quantity bid over the quantity offered, over the ten best levels of each side."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step


def batch(candles: Candles) -> Floats:
    return windows.log_ratio(candles.bid_ten, candles.ask_ten)


def stream() -> Step:
    return lambda candle: rolling.log_ratio(candle.bid_ten, candle.ask_ten)


FEATURE = Feature("depth_ratio", "book", 0, batch, stream)
