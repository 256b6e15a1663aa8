"""Aroon oscillator 14: how much more recent the highest high is than the lowest low."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.plain_talib import talib
from ml_service.features.spec import Feature, Step

BARS = 14


def batch(candles: Candles) -> Floats:
    return windows.indicator(talib.AROONOSC, candles.high, candles.low, timeperiod=BARS)


def stream() -> Step:
    since_high, since_low = rolling.since_highest(BARS + 1), rolling.since_highest(BARS + 1)
    return lambda candle: 100.0 * (since_low(-candle.low) - since_high(candle.high)) / BARS


FEATURE = Feature("aroon_oscillator", "trend", BARS, batch, stream, {"bars": BARS})
