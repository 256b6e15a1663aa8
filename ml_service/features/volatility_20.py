"""Volatility: the standard deviation of the log returns of 20 bars."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import log_return, rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 20


def batch(candles: Candles) -> Floats:
    return windows.deviation(log_return.batch(candles), BARS)


def stream() -> Step:
    come, deviation = log_return.stream(), rolling.deviation(BARS)
    return lambda candle: deviation(come(candle))


FEATURE = Feature("volatility_20", "price", BARS, batch, stream, {"bars": BARS})
