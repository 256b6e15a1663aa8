"""Williams %R 14: how far the price has fallen from the highest of 14 bars, from 0 to -100 at the lowest."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 14


def batch(candles: Candles) -> Floats:
    high = windows.highest(candles.high, BARS)
    return -100.0 * windows.share_of(high - candles.close, high - windows.lowest(candles.low, BARS))


def stream() -> Step:
    highest, lowest = rolling.highest(BARS), rolling.lowest(BARS)

    def step(candle: Candle) -> float:
        high = highest(candle.high)
        return -100.0 * rolling.ratio(high - candle.close, high - lowest(candle.low))

    return step


FEATURE = Feature("williams_r", "technical", BARS - 1, batch, stream, {"bars": BARS})
