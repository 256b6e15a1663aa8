"""RSI 14: how much of the recent movement was upwards, from 0 to 100."""

from math import isnan, nan

import numpy as np
import talib

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features.rolling import lag, wilder
from ml_service.features.spec import Feature, Step
from ml_service.features.windows import indicator

BARS = 14


def batch(candles: Candles) -> Floats:
    values: Floats = indicator(talib.RSI, candles.close, timeperiod=BARS)
    # TA-Lib tells 0 where nothing has moved at all: that would be a market in free fall.
    still = np.concatenate(([0.0], np.cumsum(np.diff(candles.close) != 0.0)))[: values.size] == 0.0
    return np.where(still, np.nan, values)


def stream() -> Step:
    before, rise, fall = lag(1), wilder(BARS), wilder(BARS)

    def step(candle: Candle) -> float:
        change = candle.close - before(candle.close)
        up = rise(nan if isnan(change) else max(change, 0.0))
        down = fall(nan if isnan(change) else max(-change, 0.0))
        return 100.0 * up / (up + down) if up + down > 0.0 else nan

    return step


FEATURE = Feature("rsi", "technical", BARS, batch, stream, {"bars": BARS})
