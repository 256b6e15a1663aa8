"""Spread: between the best bid and the best ask, in basis points of the price halfway between them."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features.book import BASIS_POINTS, spreads
from ml_service.features.book import spread as spread_of
from ml_service.features.spec import Feature, Step


def batch(candles: Candles) -> Floats:
    return BASIS_POINTS * spreads(candles)


def stream() -> Step:
    return lambda candle: BASIS_POINTS * spread_of(candle)


FEATURE = Feature("spread", "book", 0, batch, stream)
