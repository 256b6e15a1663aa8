"""The slope, per bar, of the straight line through the last 14 closes."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.indicators import line
from ml_service.features.spec import Feature, Step


def batch(candles: Candles) -> Floats:
    return windows.over(line.BARS, line.slopes, candles.close)


def stream() -> Step:
    slope = rolling.over(line.BARS, line.slope)
    return lambda candle: slope(candle.close)


FEATURE = Feature("linear_slope", "trend", line.BARS - 1, batch, stream, {"bars": line.BARS}, scale_free=False)
