"""TSI 25/13: how much of the doubly smoothed movement goes one way, from -100 to 100."""

from math import nan

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import ROUNDING, Feature, Step, settling_of

LONG, SHORT = 25, 13


def batch(candles: Candles) -> Floats:
    change = windows.changed(candles.close)
    way, path = (windows.exponential(windows.exponential(one, LONG), SHORT) for one in (change, np.abs(change)))
    return 100.0 * windows.share_of(way, np.where(path > ROUNDING * candles.close, path, np.nan))


def stream() -> Step:
    changed = rolling.changed()
    way_long, way_short = rolling.exponential(LONG), rolling.exponential(SHORT)
    path_long, path_short = rolling.exponential(LONG), rolling.exponential(SHORT)

    def step(candle: Candle) -> float:
        change = changed(candle.close)
        way, path = way_short(way_long(change)), path_short(path_long(abs(change)))
        return 100.0 * way / path if path > ROUNDING * candle.close else nan

    return step


FEATURE = Feature(
    "tsi",
    "momentum",
    LONG + SHORT - 1,
    batch,
    stream,
    {"long": LONG, "short": SHORT},
    settling=settling_of(2.0 / (LONG + 1)) + settling_of(2.0 / (SHORT + 1)),
)
