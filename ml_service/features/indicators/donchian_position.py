"""Where the close lies in the Donchian channel of the 20 bars before it: beyond 0 and 1 it has broken out."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 20


def batch(candles: Candles) -> Floats:
    low = windows.lagged(windows.lowest(candles.low, BARS), 1)
    high = windows.lagged(windows.highest(candles.high, BARS), 1)
    return windows.share_of(candles.close - low, high - low)


def stream() -> Step:
    lowest, highest = rolling.lowest(BARS), rolling.highest(BARS)
    low_before, high_before = rolling.lag(1), rolling.lag(1)

    def step(candle: Candle) -> float:
        low, high = low_before(lowest(candle.low)), high_before(highest(candle.high))
        return rolling.ratio(candle.close - low, high - low)

    return step


FEATURE = Feature("donchian_position", "trend", BARS, batch, stream, {"bars": BARS})
