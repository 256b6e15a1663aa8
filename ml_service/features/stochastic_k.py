"""Stochastic %K 14: where the price stands between the lowest (0) and the highest (100) of 14 bars; not smoothed."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 14


def batch(candles: Candles) -> Floats:
    low = windows.lowest(candles.low, BARS)
    return 100.0 * windows.share_of(candles.close - low, windows.highest(candles.high, BARS) - low)


def stream() -> Step:
    highest, lowest = rolling.highest(BARS), rolling.lowest(BARS)

    def step(candle: Candle) -> float:
        low = lowest(candle.low)
        return 100.0 * rolling.ratio(candle.close - low, highest(candle.high) - low)

    return step


FEATURE = Feature("stochastic_k", "technical", BARS - 1, batch, stream, {"bars": BARS})
