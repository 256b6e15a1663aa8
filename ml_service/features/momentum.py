"""Momentum 10: how far the price has come in ten bars, measured by how far a bar usually reaches (ATR 14).

In its textbook form it is a difference of prices, which means something else for every symbol; as a share of the price
it would be the rate of change once more. Measured by the usual reach, it tells a march from a market's common noise.
"""

from math import nan

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import ROUNDING, Feature, Step, settling_of
from ml_service.features.true_range import average, averages

BARS = 10
REACH_BARS = 14


def batch(candles: Candles) -> Floats:
    come = candles.close - windows.lagged(candles.close, BARS)
    reach = averages(candles, REACH_BARS)
    return windows.share_of(come, np.where(reach > ROUNDING * candles.close, reach, np.nan))


def stream() -> Step:
    before, usual = rolling.lag(BARS), average(REACH_BARS)

    def step(candle: Candle) -> float:
        come = candle.close - before(candle.close)
        reach = usual(candle)
        return come / reach if reach > ROUNDING * candle.close else nan

    return step


FEATURE = Feature(
    "momentum",
    "technical",
    REACH_BARS,
    batch,
    stream,
    {"bars": BARS, "reach_bars": REACH_BARS},
    settling=settling_of(1.0 / REACH_BARS),
)
