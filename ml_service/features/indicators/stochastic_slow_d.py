"""Slow stochastic %D 14/3/3: the slow %K, smoothed once more."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS, SMOOTH = 14, 3


def batch(candles: Candles) -> Floats:
    low, high = windows.lowest(candles.low, BARS), windows.highest(candles.high, BARS)
    place = 100.0 * windows.share_of(candles.close - low, high - low)
    return windows.mean(windows.mean(place, SMOOTH), SMOOTH)


def stream() -> Step:
    lowest, highest = rolling.lowest(BARS), rolling.highest(BARS)
    once, twice = rolling.mean(SMOOTH), rolling.mean(SMOOTH)

    def step(candle: Candle) -> float:
        low, high = lowest(candle.low), highest(candle.high)
        return twice(once(100.0 * rolling.ratio(candle.close - low, high - low)))

    return step


FEATURE = Feature(
    "stochastic_slow_d", "momentum", BARS + 2 * SMOOTH - 3, batch, stream, {"bars": BARS, "smooth": SMOOTH}
)
