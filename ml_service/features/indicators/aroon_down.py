"""Aroon down 14: how recent the lowest low is; 100 is this bar, 0 is 14 bars ago."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.plain_talib import talib
from ml_service.features.spec import Feature, Step

BARS = 14


def batch(candles: Candles) -> Floats:
    return windows.indicator(downs, candles.high, candles.low)


def downs(high: Floats, low: Floats) -> Floats:
    down, _ = talib.AROON(high, low, timeperiod=BARS)
    values: Floats = down
    return values


def stream() -> Step:
    age = rolling.since_highest(BARS + 1)
    return lambda candle: 100.0 * (BARS - age(-candle.low)) / BARS


FEATURE = Feature("aroon_down", "trend", BARS, batch, stream, {"bars": BARS})
