"""NATR 28: the average true range, in percent of the close."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features.spec import Feature, Step, settling_of
from ml_service.features.true_range import average, averages

BARS = 28


def batch(candles: Candles) -> Floats:
    return 100.0 * averages(candles, BARS) / candles.close


def stream() -> Step:
    extent = average(BARS)
    return lambda candle: 100.0 * extent(candle) / candle.close


FEATURE = Feature("natr", "volatility", BARS, batch, stream, {"bars": BARS}, settling=settling_of(1.0 / BARS))
