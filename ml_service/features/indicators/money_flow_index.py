"""MFI 14: how much of what was traded came at rising typical prices, from 0 to 100."""

from math import isnan, nan

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.indicators import typical
from ml_service.features.spec import Feature, Step

BARS = 14


def batch(candles: Candles) -> Floats:
    price = typical.prices(candles)
    change, traded = windows.changed(price), price * candles.volume
    rising = windows.total(np.where(change < 0.0, 0.0, np.sign(change)) * traded, BARS)
    falling = windows.total(np.where(change > 0.0, 0.0, -np.sign(change)) * traded, BARS)
    return windows.share_of(100.0 * rising, rising + falling)


def stream() -> Step:
    before, bought, sold = rolling.lag(1), rolling.total(BARS), rolling.total(BARS)

    def step(candle: Candle) -> float:
        price = typical.price(candle)
        past, traded = before(price), price * candle.volume
        if isnan(past):
            return nan
        rising = bought(traded if price > past else 0.0)
        falling = sold(traded if price < past else 0.0)
        return 100.0 * rising / (rising + falling) if rising + falling != 0.0 else nan

    return step


FEATURE = Feature("money_flow_index", "volume", BARS, batch, stream, {"bars": BARS})
