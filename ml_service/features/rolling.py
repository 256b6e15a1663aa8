"""What streaming features are built of: each takes one value in and tells what it makes of the last ones.

A window with a hole (NaN) in it has no value, and is whole again once the hole has passed. Windows are added up
afresh for every value: with their few dozens of numbers that costs less than a microsecond, and where they hold
nothing but zeros, or nothing but one price, that is exactly what comes out.

An average that remembers everything begins after the first holes and must not meet another.
"""

from collections import deque
from collections.abc import Callable
from math import isnan, log, nan, sqrt

from ml_service.features.spec import ROUNDING

Block = Callable[[float], float]


def lag(bars: int) -> Block:
    """The value so many bars ago."""
    seen: deque[float] = deque(maxlen=bars + 1)

    def step(value: float) -> float:
        seen.append(value)
        return seen[0] if len(seen) > bars else nan

    return step


def total(bars: int) -> Block:
    window: deque[float] = deque(maxlen=bars)

    def step(value: float) -> float:
        window.append(value)
        return sum(window) if len(window) == bars else nan

    return step


def mean(bars: int) -> Block:
    window: deque[float] = deque(maxlen=bars)

    def step(value: float) -> float:
        window.append(value)
        return sum(window) / bars if len(window) == bars else nan

    return step


def deviation(bars: int) -> Block:
    """Population standard deviation."""
    window: deque[float] = deque(maxlen=bars)

    def step(value: float) -> float:
        window.append(value)
        return spread(window, value)[1] if len(window) == bars else nan

    return step


def score(bars: int) -> Block:
    """How many standard deviations the newest value lies above the mean; missing where all are alike."""
    window: deque[float] = deque(maxlen=bars)

    def step(value: float) -> float:
        window.append(value)
        if len(window) < bars:
            return nan
        middle, deviation = spread(window, value)
        return -middle / deviation if deviation > ROUNDING * abs(value) else nan

    return step


def spread(window: deque[float], newest: float) -> tuple[float, float]:
    """Mean and standard deviation of the distances from the newest value.

    Distances of neighbouring prices are exact, so nothing is lost where a price of 60,000 moves by cents. And the
    newest value's own distance of zero keeps the variance above the mean's square over their number: the difference
    of the two sums is a safe one.
    """
    distances = [value - newest for value in window]
    middle = sum(distances) / len(window)
    squares = sum([distance * distance for distance in distances]) / len(window)
    return middle, sqrt(max(squares - middle * middle, 0.0))


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
    whole_from = bars

    def step(value: float) -> float:
        nonlocal at, whole_from
        at += 1
        if isnan(value):
            whole_from = max(whole_from, at + bars)
            return nan
        while standing and standing[-1][1] <= value:
            standing.pop()
        standing.append((at, value))
        if standing[0][0] <= at - bars:
            standing.popleft()
        return standing[0][1] if at >= whole_from else nan

    return step


def lowest(bars: int) -> Block:
    top = highest(bars)
    return lambda value: -top(-value)


def ratio(part: float, whole: float) -> float:
    """Missing where there is nothing to divide by."""
    return part / whole if whole != 0.0 else nan


def log_ratio(part: float, whole: float) -> float:
    return log(part / whole) if part > 0.0 and whole > 0.0 else nan
