"""RSI of any series: how much of its smoothed movement went up, from 0 to 100. Missing where it stands still."""

from collections.abc import Callable
from math import nan

import numpy as np

from ml_service.domain.market.candles import Floats
from ml_service.features import rolling, windows
from ml_service.features.plain_talib import talib
from ml_service.features.spec import ROUNDING


def strengths(values: Floats, bars: int, unit: Floats | float) -> Floats:
    """From TA-Lib's smoothing instead of its RSI, which takes moves below 1e-14 for none, whatever the unit."""
    change = windows.changed(values)
    up = windows.indicator(talib.RMA, np.maximum(change, 0.0), timeperiod=bars)
    down = windows.indicator(talib.RMA, np.maximum(-change, 0.0), timeperiod=bars)
    return 100.0 * windows.share_of(up, np.where(up + down > ROUNDING * unit, up + down, np.nan))


def strength(bars: int) -> Callable[[float, float], float]:
    changed, rise, fall = rolling.changed(), rolling.wilder(bars), rolling.wilder(bars)

    def step(value: float, unit: float) -> float:
        change = changed(value)
        # What is missing stays missing, since it comes first.
        up = rise(max(change, 0.0))
        down = fall(max(-change, 0.0))
        return 100.0 * up / (up + down) if up + down > ROUNDING * unit else nan

    return step
