"""Z-score 50: how many standard deviations the close is above the mean of the last 50."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 50


def batch(candles: Candles) -> Floats:
    return windows.score(candles.close, BARS)


def stream() -> Step:
    score = rolling.score(BARS)
    return lambda candle: score(candle.close)


FEATURE = Feature("zscore", "statistics", BARS - 1, batch, stream, {"bars": BARS})
