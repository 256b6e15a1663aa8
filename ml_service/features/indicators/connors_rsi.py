"""Connors RSI 3/2/100: the mean of a quick RSI, the RSI of the streak and the rank of the last return."""

from collections import deque
from math import isnan, nan

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.indicators import relative_strength
from ml_service.features.spec import Feature, Step, settling_of

BARS, STREAK, RANK = 3, 2, 100


def batch(candles: Candles) -> Floats:
    strength = relative_strength.strengths(candles.close, BARS, candles.close)
    streak = relative_strength.strengths(windows.runs(windows.changed(candles.close)), STREAK, 1.0)
    rank = windows.over(RANK + 1, ranks, windows.relative_change(candles.close))
    return (strength + streak + rank) / 3.0


def ranks(rows: Floats) -> Floats:
    below = np.count_nonzero(rows[:-1] < rows[-1], axis=0)
    return np.where(np.isnan(rows[0]), np.nan, 100.0 * below / RANK)


def stream() -> Step:
    strength, streak = relative_strength.strength(BARS), relative_strength.strength(STREAK)
    changed, run, returned = rolling.changed(), rolling.run(), rolling.relative_change()
    position = rolling.over(RANK + 1, rank)

    def step(candle: Candle) -> float:
        close = candle.close
        return (strength(close, close) + streak(run(changed(close)), 1.0) + position(returned(close))) / 3.0

    return step


def rank(window: deque[float]) -> float:
    return nan if isnan(window[0]) else 100.0 * sum(map(window[-1].__gt__, window)) / RANK


FEATURE = Feature(
    "connors_rsi",
    "momentum",
    RANK + 1,
    batch,
    stream,
    {"bars": BARS, "streak": STREAK, "rank": RANK},
    settling=RANK + settling_of(1.0 / BARS),
)
