"""Mean distance: how far the price lies above its mean over some bars, as a share of that mean."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step


def over(bars: int) -> Feature:
    def batch(candles: Candles) -> Floats:
        return windows.share_of(candles.close, windows.mean(candles.close, bars)) - 1.0

    def stream() -> Step:
        mean = rolling.mean(bars)
        return lambda candle: rolling.ratio(candle.close, mean(candle.close)) - 1.0

    return Feature(f"mean_distance_{bars}", "price", bars - 1, batch, stream, {"bars": bars})
