"""Stochastic RSI 14: where RSI lies in its own range of the last 14 bars, from 0 to 100."""

from math import nan

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.indicators import relative_strength
from ml_service.features.spec import Feature, Step, settling_of

BARS = 14
STILL = 1e-4
"""An RSI that kept within so many points has stood still: what is left of its range is soon only rounding."""


def batch(candles: Candles) -> Floats:
    strength = relative_strength.strengths(candles.close, BARS, candles.close)
    low, high = windows.lowest(strength, BARS), windows.highest(strength, BARS)
    return np.where(high - low > STILL, 100.0 * windows.share_of(strength - low, high - low), np.nan)


def stream() -> Step:
    strength, lowest, highest = relative_strength.strength(BARS), rolling.lowest(BARS), rolling.highest(BARS)

    def step(candle: Candle) -> float:
        now = strength(candle.close, candle.close)
        low, high = lowest(now), highest(now)
        return 100.0 * (now - low) / (high - low) if high - low > STILL else nan

    return step


FEATURE = Feature(
    "stochastic_rsi", "momentum", 2 * BARS - 1, batch, stream, {"bars": BARS}, settling=settling_of(1.0 / BARS)
)
