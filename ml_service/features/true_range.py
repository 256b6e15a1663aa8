"""True range: how far a bar reached, the jump from the bar before included; and Wilder's average of it."""

from collections.abc import Callable
from math import isnan, nan

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features.plain_talib import talib
from ml_service.features.rolling import lag, wilder
from ml_service.features.windows import indicator


def average(bars: int) -> Callable[[Candle], float]:
    """Begins with the second bar: the first one has none before it."""
    before, smooth = lag(1), wilder(bars)

    def step(candle: Candle) -> float:
        last = before(candle.close)
        if isnan(last):
            return nan
        return smooth(max(candle.high, last) - min(candle.low, last))

    return step


def averages(candles: Candles, bars: int) -> Floats:
    return indicator(talib.ATR, candles.high, candles.low, candles.close, timeperiod=bars)
