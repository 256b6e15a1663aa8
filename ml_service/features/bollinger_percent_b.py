"""Bollinger %B: where the price stands between the lower band (0) and the upper one (1); 20 bars, 2 deviations."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 20
DEVIATIONS = 2.0


def batch(candles: Candles) -> Floats:
    return 0.5 + windows.score(candles.close, BARS) / (2.0 * DEVIATIONS)


def stream() -> Step:
    score = rolling.score(BARS)
    return lambda candle: 0.5 + score(candle.close) / (2.0 * DEVIATIONS)


FEATURE = Feature("bollinger_percent_b", "technical", BARS - 1, batch, stream, {"bars": BARS, "deviations": DEVIATIONS})
