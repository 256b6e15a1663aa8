"""Chaikin's money flow: volume, signed by where the bar closed between its low (-1) and its high (1)."""

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features.windows import share_of


def flows(candles: Candles) -> Floats:
    """A bar without a range moves none."""
    extent = candles.high - candles.low
    place = share_of(2.0 * candles.close - candles.high - candles.low, extent)
    return np.where(extent == 0.0, 0.0, place) * candles.volume


def flow(candle: Candle) -> float:
    extent = candle.high - candle.low
    if extent == 0.0:
        return 0.0
    return (2.0 * candle.close - candle.high - candle.low) / extent * candle.volume
