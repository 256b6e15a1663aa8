"""What batch features are built of: the same blocks as in `rolling`, over whole columns."""

from collections.abc import Callable
from typing import Any

import numpy as np
import talib

from ml_service.domain.market.candles import Floats

CHUNK = 8_192
"""So many rows stay in the processor's own memory while a window passes over them."""


def lagged(values: Floats, bars: int) -> Floats:
    out = np.full(values.size, np.nan)
    out[bars:] = values[: max(values.size - bars, 0)]
    return out


def total(values: Floats, bars: int) -> Floats:
    return indicator(talib.SUM, values, timeperiod=bars)


def mean(values: Floats, bars: int) -> Floats:
    return indicator(talib.SMA, values, timeperiod=bars)


def highest(values: Floats, bars: int) -> Floats:
    return indicator(talib.MAX, values, timeperiod=bars)


def lowest(values: Floats, bars: int) -> Floats:
    return indicator(talib.MIN, values, timeperiod=bars)


def exponential(values: Floats, bars: int) -> Floats:
    return indicator(talib.EMA, values, timeperiod=bars)


def deviation(values: Floats, bars: int) -> Floats:
    """Population standard deviation, from the mean of the very window: exact also where prices hardly move.

    TA-Lib's takes the difference of two large sums, of which little is left where a price of 60,000 moves by cents.
    """
    out = np.full(values.size, np.nan)
    for start in range(bars - 1, values.size, CHUNK):
        end = min(start + CHUNK, values.size)
        lags = [values[start - back : end - back] for back in range(bars)]
        middle = np.add.reduce(lags) / bars
        squares = np.zeros(end - start)
        for one in lags:
            off = one - middle
            squares += off * off
        out[start:end] = np.sqrt(squares / bars)
    return out


def share_of(part: Floats, whole: Floats) -> Floats:
    """Missing where there is nothing to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole != 0.0, part / whole, np.nan)


def indicator(function: Callable[..., Any], *columns: Floats, **parameters: Any) -> Floats:
    """TA-Lib, which takes neither an empty column nor one in which nothing is known."""
    if any(column.size == 0 or np.isnan(column[-1]) for column in columns):
        return np.full(columns[0].size, np.nan)
    values: Floats = function(*columns, **parameters)
    return values
