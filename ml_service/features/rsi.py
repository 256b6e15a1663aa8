"""RSI 14: how much of the recent movement was upwards, from 0 to 100. Missing where there was none."""

from math import isnan, nan

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features.plain_talib import talib
from ml_service.features.rolling import lag, wilder
from ml_service.features.spec import ROUNDING, Feature, Step, settling_of
from ml_service.features.windows import indicator

BARS = 14


def batch(candles: Candles) -> Floats:
    close = candles.close
    values = indicator(talib.RSI, close, timeperiod=BARS)
    # TA-Lib tells 0 where nothing moves: that would be a market in free fall. The true range of bars that consist of
    # their close alone is the size of the change.
    moved = indicator(talib.ATR, close, close, close, timeperiod=BARS)
    values[moved <= ROUNDING * close] = np.nan
    return values


def stream() -> Step:
    before, rise, fall = lag(1), wilder(BARS), wilder(BARS)

    def step(candle: Candle) -> float:
        change = candle.close - before(candle.close)
        up = rise(nan if isnan(change) else max(change, 0.0))
        down = fall(nan if isnan(change) else max(-change, 0.0))
        return 100.0 * up / (up + down) if up + down > ROUNDING * candle.close else nan

    return step


FEATURE = Feature("rsi", "technical", BARS, batch, stream, {"bars": BARS}, settling=settling_of(1.0 / BARS))
