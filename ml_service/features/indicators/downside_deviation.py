"""Downside deviation 20: how much the falling bars among the last ones fell, as a root mean square return."""

from math import sqrt

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 20


def batch(candles: Candles) -> Floats:
    fall = np.minimum(windows.relative_change(candles.close), 0.0)
    return np.sqrt(windows.mean(fall * fall, BARS))


def stream() -> Step:
    returned, mean = rolling.relative_change(), rolling.mean(BARS)

    def step(candle: Candle) -> float:
        fall = min(returned(candle.close), 0.0)  # what is missing stays missing, since it comes first
        return sqrt(mean(fall * fall))

    return step


FEATURE = Feature("downside_deviation", "volatility", BARS, batch, stream, {"bars": BARS})
