"""Book imbalance: how much more is bid than offered over the ten best levels of each side; from -1 to 1."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features.book import imbalance, imbalances
from ml_service.features.spec import Feature, Step


def batch(candles: Candles) -> Floats:
    return imbalances(candles.bid_ten, candles.ask_ten)


def stream() -> Step:
    return lambda candle: imbalance(candle.bid_ten, candle.ask_ten)


FEATURE = Feature("book_imbalance_ten", "book", 0, batch, stream)
