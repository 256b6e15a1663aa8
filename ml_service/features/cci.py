"""CCI 20: how far the typical price stands from its mean, measured by its usual distance from that mean."""

from collections import deque
from math import nan

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features.spec import ROUNDING, Feature, Step
from ml_service.features.windows import chunks

BARS = 20
LAMBERT = 0.015
"""Lambert's constant: most values then lie between -100 and 100."""


def batch(candles: Candles) -> Floats:
    typical = (candles.high + candles.low + candles.close) / 3.0
    out = np.full(typical.size, np.nan)
    for start, end in chunks(typical.size, BARS):
        newest = typical[start:end]
        # Distances from the newest price, as in `rolling.spread`: they lose no digits.
        distances = [typical[start - back : end - back] - newest for back in range(BARS)]
        middle = sum(distances) / BARS
        usual = np.zeros(end - start)
        for distance in distances:
            usual += np.abs(distance - middle)
        usual /= BARS
        np.divide(-middle, LAMBERT * usual, out=out[start:end], where=usual > ROUNDING * newest)
    return out


def stream() -> Step:
    window: deque[float] = deque(maxlen=BARS)

    def step(candle: Candle) -> float:
        newest = (candle.high + candle.low + candle.close) / 3.0
        window.append(newest)
        if len(window) < BARS:
            return nan
        distances = [typical - newest for typical in window]
        middle = sum(distances) / BARS
        usual = sum([abs(distance - middle) for distance in distances]) / BARS
        return -middle / (LAMBERT * usual) if usual > ROUNDING * newest else nan

    return step


FEATURE = Feature("cci", "technical", BARS - 1, batch, stream, {"bars": BARS, "constant": LAMBERT})
