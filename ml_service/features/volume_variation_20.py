"""Volume variation: the standard deviation of the volumes of 20 bars over their mean."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 20


def batch(candles: Candles) -> Floats:
    return windows.share_of(windows.deviation(candles.volume, BARS), windows.mean(candles.volume, BARS))


def stream() -> Step:
    deviation, mean = rolling.deviation(BARS), rolling.mean(BARS)
    return lambda candle: rolling.ratio(deviation(candle.volume), mean(candle.volume))


FEATURE = Feature("volume_variation_20", "volume", BARS - 1, batch, stream, {"bars": BARS})
