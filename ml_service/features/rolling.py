"""What streaming features are built of: each takes one value in and tells what it makes of the last ones.

Values before the first that can be told are NaN and leave no trace; once a series has begun, it has no holes.
Sums are added up afresh once a window, so that rounding does not pile up over the years.
"""

from collections import deque
from collections.abc import Callable
from math import isnan, nan, sqrt

Block = Callable[[float], float]


def lag(bars: int) -> Block:
    """The value so many bars ago."""
    seen: deque[float] = deque(maxlen=bars + 1)

    def step(value: float) -> float:
        if isnan(value):
            return nan
        seen.append(value)
        return seen[0] if len(seen) > bars else nan

    return step


def total(bars: int) -> Block:
    window: deque[float] = deque(maxlen=bars)
    kept = 0.0
    since = 0

    def step(value: float) -> float:
        nonlocal kept, since
        if isnan(value):
            return nan
        since += 1
        if since >= bars:
            since = 0
            window.append(value)
            kept = sum(window)
        else:
            if len(window) == bars:
                kept -= window[0]
            window.append(value)
            kept += value
        return kept if len(window) == bars else nan

    return step


def mean(bars: int) -> Block:
    add = total(bars)
    return lambda value: add(value) / bars


def deviation(bars: int) -> Block:
    """Population standard deviation, from the mean of the very window: exact also where prices hardly move."""
    window: deque[float] = deque(maxlen=bars)

    def step(value: float) -> float:
        if isnan(value):
            return nan
        window.append(value)
        if len(window) < bars:
            return nan
        middle = sum(window) / bars
        return sqrt(sum([(one - middle) ** 2 for one in window]) / bars)

    return step


def smoothed(bars: int, share: float) -> Block:
    """Moves by a share of the way to each new value; begins with the mean of the first ones."""
    count = 0
    level = 0.0

    def step(value: float) -> float:
        nonlocal count, level
        if count >= bars:
            level += share * (value - level)
            return level
        if isnan(value):
            return nan
        count += 1
        level += value
        if count < bars:
            return nan
        level /= bars
        return level

    return step


def exponential(bars: int) -> Block:
    return smoothed(bars, 2.0 / (bars + 1))


def wilder(bars: int) -> Block:
    return smoothed(bars, 1.0 / bars)


def highest(bars: int) -> Block:
    """In constant time: only those are kept that may still become the highest."""
    standing: deque[tuple[int, float]] = deque()
    at = 0

    def step(value: float) -> float:
        nonlocal at
        if isnan(value):
            return nan
        at += 1
        while standing and standing[-1][1] <= value:
            standing.pop()
        standing.append((at, value))
        if standing[0][0] <= at - bars:
            standing.popleft()
        return standing[0][1] if at >= bars else nan

    return step


def lowest(bars: int) -> Block:
    top = highest(bars)
    return lambda value: -top(-value)
