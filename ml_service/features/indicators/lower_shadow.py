"""Lower shadow: how much of the bar's range lies below its body."""

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step


def batch(candles: Candles) -> Floats:
    return windows.share_of(np.minimum(candles.open, candles.close) - candles.low, candles.high - candles.low)


def stream() -> Step:
    return told


def told(candle: Candle) -> float:
    extent = candle.high - candle.low
    return rolling.ratio((min(candle.open, candle.close) - candle.low), extent)


FEATURE = Feature("lower_shadow", "price", 0, batch, stream)
