"""Log return: how far the price has come since the bar before."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step


def batch(candles: Candles) -> Floats:
    return windows.log_ratio(candles.close, windows.lagged(candles.close, 1))


def stream() -> Step:
    before = rolling.lag(1)
    return lambda candle: rolling.log_ratio(candle.close, before(candle.close))


FEATURE = Feature("log_return", "price", 1, batch, stream)
