"""Bollinger bandwidth 20/2: how far the bands are apart, as a share of the middle."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS, DEVIATIONS = 20, 2.0


def batch(candles: Candles) -> Floats:
    return 2.0 * DEVIATIONS * windows.deviation(candles.close, BARS) / windows.mean(candles.close, BARS)


def stream() -> Step:
    spread, middle = rolling.deviation(BARS), rolling.mean(BARS)
    return lambda candle: 2.0 * DEVIATIONS * spread(candle.close) / middle(candle.close)


FEATURE = Feature(
    "bollinger_bandwidth", "volatility", BARS - 1, batch, stream, {"bars": BARS, "deviations": DEVIATIONS}
)
