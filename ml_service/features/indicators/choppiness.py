"""Choppiness 14: near 100 the price went back and forth, near 0 it went straight."""

from math import log10, nan

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.indicators import true_range
from ml_service.features.spec import Feature, Step

BARS = 14


def batch(candles: Candles) -> Floats:
    extent = windows.highest(candles.high, BARS) - windows.lowest(candles.low, BARS)
    path = windows.total(true_range.batch(candles), BARS)
    return 100.0 * np.log10(windows.share_of(path, extent)) / log10(BARS)


def stream() -> Step:
    highest, lowest = rolling.highest(BARS), rolling.lowest(BARS)
    ranged, walked = true_range.stream(), rolling.total(BARS)

    def step(candle: Candle) -> float:
        extent = highest(candle.high) - lowest(candle.low)
        path = walked(ranged(candle))
        return 100.0 * log10(path / extent) / log10(BARS) if extent != 0.0 else nan

    return step


FEATURE = Feature("choppiness", "volatility", BARS, batch, stream, {"bars": BARS})
