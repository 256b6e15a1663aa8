"""What batch features are built of: the same blocks as in `rolling`, over whole columns."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ml_service.domain.market.candles import Floats
from ml_service.features.plain_talib import talib
from ml_service.features.spec import ROUNDING

CHUNK = 8_192
"""So many rows stay in the processor's own memory while a window passes over them."""


def lagged(values: Floats, bars: int) -> Floats:
    out = np.full(values.size, np.nan)
    out[bars:] = values[: max(values.size - bars, 0)]
    return out


def total(values: Floats, bars: int) -> Floats:
    """Of the last so many values, each sum put together anew from sums of 1, 2, 4, 8 … of them.

    A sum carried along from bar to bar (TA-Lib's) keeps the rounding of all it ever held: where a great volume has
    passed and none is traded any more, it would not come back to zero.
    """
    out = np.full(values.size, np.nan)
    for start, end in chunks(values.size, bars):
        part = values[start - bars + 1 : end]
        length, done = 1, 0
        added: Floats | None = None
        while True:
            if bars & length:
                own = part[done : done + end - start]
                added = own if added is None else added + own
                done += length
            if done == bars:
                break
            part = part[:-length] + part[length:]
            length *= 2
        out[start:end] = added
    return out


def mean(values: Floats, bars: int) -> Floats:
    sums = total(values, bars)
    sums /= bars
    return sums


def highest(values: Floats, bars: int) -> Floats:
    return extreme(np.maximum, values, bars)


def lowest(values: Floats, bars: int) -> Floats:
    return extreme(np.minimum, values, bars)


def extreme(of_two: np.ufunc, values: Floats, bars: int) -> Floats:
    """Two overlapping stretches, each twice as long as one before, cover the window."""
    out = np.full(values.size, np.nan)
    for start, end in chunks(values.size, bars):
        part = values[start - bars + 1 : end]
        length = 1
        while 2 * length <= bars:
            part = of_two(part[:-length], part[length:])
            length *= 2
        rest = bars - length
        of_two(part[: end - start], part[rest : rest + end - start], out=out[start:end])
    return out


def exponential(values: Floats, bars: int) -> Floats:
    return indicator(talib.EMA, values, timeperiod=bars)


def deviation(values: Floats, bars: int) -> Floats:
    """Population standard deviation.

    TA-Lib's takes the difference of two large sums, of which little is left where a price of 60,000 moves by cents.
    """
    out = np.full(values.size, np.nan)
    for start, end in chunks(values.size, bars):
        out[start:end] = spread(values, bars, start, end)[1]
    return out


def score(values: Floats, bars: int) -> Floats:
    """How many standard deviations the newest value lies above the mean; missing where all are alike."""
    out = np.full(values.size, np.nan)
    for start, end in chunks(values.size, bars):
        middle, deviation = spread(values, bars, start, end)
        moves = deviation > ROUNDING * np.abs(values[start:end])
        np.divide(-middle, deviation, out=out[start:end], where=moves)
    return out


def spread(values: Floats, bars: int, start: int, end: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the distances from the newest value; `rolling.spread` says why from there."""
    newest = values[start:end]
    middle = newest - newest
    squares = middle.copy()
    for back in range(1, bars):
        distance = values[start - back : end - back] - newest
        middle += distance
        distance *= distance
        squares += distance
    middle /= bars
    squares /= bars
    return middle, np.sqrt(np.maximum(squares - middle * middle, 0.0))


def chunks(size: int, bars: int) -> Iterator[tuple[int, int]]:
    """Of the bars that have so many behind and including them."""
    for start in range(bars - 1, size, CHUNK):
        yield start, min(start + CHUNK, size)


def share_of(part: Floats, whole: Floats) -> Floats:
    """Missing where there is nothing to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = part / whole
    shares[whole == 0.0] = np.nan
    return shares


def log_ratio(part: Floats, whole: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = part / whole
        np.log(logs, out=logs)
    logs[(part <= 0.0) | (whole <= 0.0)] = np.nan
    return logs


def indicator(function: Callable[..., Any], *columns: Floats, **parameters: Any) -> Floats:
    """TA-Lib, which takes neither an empty column nor one in which nothing is known."""
    nothing_known = columns[0].size == 0
    if not nothing_known and any(np.isnan(column[-1]) for column in columns):
        nothing_known = bool(np.isnan(np.sum(columns, axis=0)).all())
    if nothing_known:
        return np.full(columns[0].size, np.nan)
    values: Floats = function(*columns, **parameters)
    return values


WHOLE_CHUNK = 1_024
"""Fewer rows, because all bars of their windows are there at once."""


def over(bars: int, rule: Callable[[Floats], Floats], values: Floats) -> Floats:
    """What a rule makes of every window; it gets them side by side, the oldest bar of each in the first row."""
    out = np.full(values.size, np.nan)
    for start in range(bars - 1, values.size, WHOLE_CHUNK):
        end = min(start + WHOLE_CHUNK, values.size)
        out[start:end] = rule(np.stack([values[start - back : end - back] for back in reversed(range(bars))]))
    return out


def centred(rows: Floats) -> Floats:
    """How far each lies from the mean of its window; exactly 0 where all are equal."""
    distances: Floats = rows - rows[0]
    return distances - product(distances, 1.0) / len(rows)


def product(some: Floats, others: Floats | float) -> Floats:
    """Multiplied row by row, and added up."""
    added: Floats = np.add.reduce(some * others, axis=0)
    return added


def accumulated(rows: Floats) -> Floats:
    """Each row with all before it added; numpy's own way of doing it takes ten times as long."""
    out = rows.copy()
    for place in range(1, len(out)):
        out[place] += out[place - 1]
    return out


def changed(values: Floats) -> Floats:
    return values - lagged(values, 1)


def relative_change(values: Floats) -> Floats:
    past = lagged(values, 1)
    return (values - past) / past


def runs(values: Floats) -> Floats:
    """How many values in a row had this sign; counted below zero where they were negative."""
    signs = np.sign(values)
    places = np.arange(values.size, dtype=np.float64)
    begins = np.append(True, signs[1:] != signs[:-1])[: values.size]
    began: Floats = np.maximum.accumulate(np.where(begins, places, 0.0))
    return (places - began + 1.0) * signs
