"""Volume balance: the volume of rising bars less that of falling ones, over the whole of 20 bars; from -1 to 1.

A bar rises where it closes above the bar before it.
"""

from math import isnan, nan

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 20


def batch(candles: Candles) -> Floats:
    signed = np.sign(candles.close - windows.lagged(candles.close, 1)) * candles.volume
    return windows.share_of(windows.total(signed, BARS), windows.total(candles.volume, BARS))


def stream() -> Step:
    before, net, whole = rolling.lag(1), rolling.total(BARS), rolling.total(BARS)

    def step(candle: Candle) -> float:
        change = candle.close - before(candle.close)
        sign = nan if isnan(change) else (change > 0.0) - (change < 0.0)
        return rolling.ratio(net(sign * candle.volume), whole(candle.volume))

    return step


FEATURE = Feature("volume_balance_20", "volume", BARS, batch, stream, {"bars": BARS})
