"""Book imbalance: how much more is bid than offered at the best bid and the best ask; from -1 to 1."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features.book import imbalance, imbalances
from ml_service.features.spec import Feature, Step


def batch(candles: Candles) -> Floats:
    return imbalances(candles.bid_top, candles.ask_top)


def stream() -> Step:
    return lambda candle: imbalance(candle.bid_top, candle.ask_top)


FEATURE = Feature("book_imbalance_top", "book", 0, batch, stream)
