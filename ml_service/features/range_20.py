"""Range: from the lowest to the highest price of 20 bars, as a share of the price."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 20


def batch(candles: Candles) -> Floats:
    reach = windows.highest(candles.high, BARS) - windows.lowest(candles.low, BARS)
    return windows.share_of(reach, candles.close)


def stream() -> Step:
    highest, lowest = rolling.highest(BARS), rolling.lowest(BARS)
    return lambda candle: rolling.ratio(highest(candle.high) - lowest(candle.low), candle.close)


FEATURE = Feature("range_20", "price", BARS - 1, batch, stream, {"bars": BARS})
