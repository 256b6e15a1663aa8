"""Ultimate oscillator 7/14/28: buying pressure over three lengths, from 0 to 100."""

from math import isnan, nan

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.indicators import true_range
from ml_service.features.spec import Feature, Step

SHORT, MIDDLE, LONG = 7, 14, 28
WEIGHTS = {SHORT: 4.0, MIDDLE: 2.0, LONG: 1.0}


def batch(candles: Candles) -> Floats:
    before = windows.lagged(candles.close, 1)
    pressure, extent = candles.close - np.minimum(candles.low, before), true_range.batch(candles)
    shares = (
        weight * windows.share_of(windows.total(pressure, bars), windows.total(extent, bars))
        for bars, weight in WEIGHTS.items()
    )
    return 100.0 * sum(shares, np.zeros(len(candles))) / sum(WEIGHTS.values())


def stream() -> Step:
    before, ranged = rolling.lag(1), true_range.stream()
    totals = [(rolling.total(bars), rolling.total(bars), weight) for bars, weight in WEIGHTS.items()]

    def step(candle: Candle) -> float:
        past, extent = before(candle.close), ranged(candle)
        pressure = nan if isnan(past) else candle.close - min(candle.low, past)
        told = [(bought(pressure), moved(extent), weight) for bought, moved, weight in totals]
        if any(whole == 0.0 for _, whole, _ in told):
            return nan
        return 100.0 * sum([weight * (part / whole) for part, whole, weight in told]) / sum(WEIGHTS.values())

    return step


FEATURE = Feature(
    "ultimate_oscillator", "momentum", LONG, batch, stream, {"short": SHORT, "middle": MIDDLE, "long": LONG}
)
