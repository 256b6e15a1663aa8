"""R² of the straight line through the last 14 closes: 1 is a line, 0 is none. Missing where all are equal."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.indicators import line
from ml_service.features.spec import Feature, Step


def batch(candles: Candles) -> Floats:
    return windows.over(line.BARS, line.fits, candles.close)


def stream() -> Step:
    fit = rolling.over(line.BARS, line.fit)
    return lambda candle: fit(candle.close)


FEATURE = Feature("linear_r2", "statistics", line.BARS - 1, batch, stream, {"bars": line.BARS})
