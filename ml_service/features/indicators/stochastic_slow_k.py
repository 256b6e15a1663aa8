"""Slow stochastic %K 14/3: where the close lies in the range of 14 bars, smoothed, from 0 to 100."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS, SMOOTH = 14, 3


def batch(candles: Candles) -> Floats:
    low, high = windows.lowest(candles.low, BARS), windows.highest(candles.high, BARS)
    place = 100.0 * windows.share_of(candles.close - low, high - low)
    return windows.mean(place, SMOOTH)


def stream() -> Step:
    lowest, highest, smooth = rolling.lowest(BARS), rolling.highest(BARS), rolling.mean(SMOOTH)

    def step(candle: Candle) -> float:
        low, high = lowest(candle.low), highest(candle.high)
        return smooth(100.0 * rolling.ratio(candle.close - low, high - low))

    return step


FEATURE = Feature("stochastic_slow_k", "momentum", BARS + SMOOTH - 2, batch, stream, {"bars": BARS, "smooth": SMOOTH})
