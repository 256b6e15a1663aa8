"""Microprice deviation: how far the price that the best quantities pull towards lies above the middle, in basis points.

The microprice weighs the best bid by the quantity offered and the best ask by the quantity bid. Its distance from the
middle is half the spread times the imbalance; worked out like this, no digits are lost between two near prices.
"""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features.book import BASIS_POINTS, imbalance, imbalances, spread, spreads
from ml_service.features.spec import Feature, Step


def batch(candles: Candles) -> Floats:
    return BASIS_POINTS * 0.5 * spreads(candles) * imbalances(candles.bid_top, candles.ask_top)


def stream() -> Step:
    return lambda candle: BASIS_POINTS * 0.5 * spread(candle) * imbalance(candle.bid_top, candle.ask_top)


FEATURE = Feature("microprice_deviation", "book", 0, batch, stream)
