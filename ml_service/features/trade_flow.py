"""Trade flow: how much more was bought from the book than sold into it, over all that was traded; from -1 to 1."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step


def batch(candles: Candles) -> Floats:
    return 2.0 * windows.share_of(candles.taker_buy, candles.volume) - 1.0


def stream() -> Step:
    return lambda candle: 2.0 * rolling.ratio(candle.taker_buy, candle.volume) - 1.0


FEATURE = Feature("trade_flow", "book", 0, batch, stream)
