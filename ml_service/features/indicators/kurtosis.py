"""Excess kurtosis 30: how much more of the movement came from a few large returns than in a normal sample."""

from collections.abc import Sequence
from math import nan

import numpy as np

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import ROUNDING, Feature, Step

BARS = 30


def batch(candles: Candles) -> Floats:
    return windows.over(BARS, told_by_columns, windows.relative_change(candles.close))


def told_by_columns(rows: Floats) -> Floats:
    off = windows.centred(rows)
    squares = off * off
    variance = np.add.reduce(squares, axis=0) / BARS
    still = variance <= ROUNDING**2
    return np.where(still, np.nan, windows.share_of(windows.product(squares, squares) / BARS, variance**2) - 3.0)


def stream() -> Step:
    returned, shape = rolling.relative_change(), rolling.over(BARS, told)
    return lambda candle: shape(returned(candle.close))


def told(window: Sequence[float]) -> float:
    off = rolling.centred(window)
    squares = [one * one for one in off]
    variance = sum(squares) / BARS
    return rolling.product(squares, squares) / BARS / variance**2 - 3.0 if variance > ROUNDING**2 else nan


FEATURE = Feature("kurtosis", "statistics", BARS, batch, stream, {"bars": BARS})
