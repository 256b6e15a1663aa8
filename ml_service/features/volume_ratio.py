"""Volume ratio: the log of the volume over its mean of some bars, this one included.

Missing where nothing was traded: there is no telling how much less than usual that is.
"""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step


def over(bars: int) -> Feature:
    def batch(candles: Candles) -> Floats:
        return windows.log_ratio(candles.volume, windows.mean(candles.volume, bars))

    def stream() -> Step:
        mean = rolling.mean(bars)
        return lambda candle: rolling.log_ratio(candle.volume, mean(candle.volume))

    return Feature(f"volume_ratio_{bars}", "volume", bars - 1, batch, stream, {"bars": bars})
