"""The slope of the straight line through the last 14 closes as an angle, in degrees."""

from math import atan, degrees

import numpy as np

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.indicators import line
from ml_service.features.spec import Feature, Step


def batch(candles: Candles) -> Floats:
    return np.degrees(np.arctan(windows.over(line.BARS, line.slopes, candles.close)))


def stream() -> Step:
    slope = rolling.over(line.BARS, line.slope)
    return lambda candle: degrees(atan(slope(candle.close)))


FEATURE = Feature("linear_angle", "trend", line.BARS - 1, batch, stream, {"bars": line.BARS}, scale_free=False)
