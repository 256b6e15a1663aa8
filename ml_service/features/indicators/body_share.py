"""How much of the last five bars' ranges was body: near 0 they ended where they began, whatever happened between."""

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 5


def batch(candles: Candles) -> Floats:
    body = windows.total(np.abs(candles.close - candles.open), BARS)
    return windows.share_of(body, windows.total(candles.high - candles.low, BARS))


def stream() -> Step:
    bodies, ranges = rolling.total(BARS), rolling.total(BARS)

    def step(candle: Candle) -> float:
        body, extent = bodies(abs(candle.close - candle.open)), ranges(candle.high - candle.low)
        return rolling.ratio(body, extent)

    return step


FEATURE = Feature("body_share", "price", BARS - 1, batch, stream, {"bars": BARS})
