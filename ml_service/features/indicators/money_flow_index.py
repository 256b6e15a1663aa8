"""MFI 14: how much of what was traded came at rising typical prices, from 0 to 100."""

from math import isnan, nan

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.indicators import typical
from ml_service.features.spec import ROUNDING, Feature, Step

BARS = 14


def batch(candles: Candles) -> Floats:
    price = typical.prices(candles)
    change, traded = windows.changed(price), price * candles.volume
    traded[:1] = np.nan
    # Three prices may have the same mean as three others, but for rounding.
    rising = windows.total(np.where(change <= ROUNDING * price, 0.0, 1.0) * traded, BARS)
    falling = windows.total(np.where(change >= -ROUNDING * price, 0.0, 1.0) * traded, BARS)
    return 100.0 * windows.share_of(rising, rising + falling)


def stream() -> Step:
    before, bought, sold = rolling.lag(1), rolling.total(BARS), rolling.total(BARS)

    def step(candle: Candle) -> float:
        price = typical.price(candle)
        change, traded = price - before(price), price * candle.volume
        if isnan(change):
            return nan
        rising = bought(traded if change > ROUNDING * price else 0.0)
        falling = sold(traded if change < -ROUNDING * price else 0.0)
        return 100.0 * rolling.ratio(rising, rising + falling)

    return step


FEATURE = Feature("money_flow_index", "volume", BARS, batch, stream, {"bars": BARS})
