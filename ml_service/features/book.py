"""What features of the order book are built of: each block for one bar, and for many.

A book that was not told, is empty, or has its best bid above its best ask says nothing: missing.
"""

from math import nan

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features.rolling import ratio
from ml_service.features.windows import share_of

BASIS_POINTS = 1e4


def spread(candle: Candle) -> float:
    """Between the best prices, as a share of the price halfway between them."""
    bid, ask = candle.best_bid, candle.best_ask
    return (ask - bid) / (0.5 * (ask + bid)) if ask >= bid > 0.0 else nan


def spreads(candles: Candles) -> Floats:
    bid, ask = candles.best_bid, candles.best_ask
    known = (ask >= bid) & (bid > 0.0)
    return np.where(known, share_of(ask - bid, 0.5 * (ask + bid)), np.nan)


def imbalance(bid: float, ask: float) -> float:
    """From -1, where all of the quantity is offered, to 1, where all of it is bid."""
    return ratio(bid - ask, bid + ask)


def imbalances(bid: Floats, ask: Floats) -> Floats:
    return share_of(bid - ask, bid + ask)
