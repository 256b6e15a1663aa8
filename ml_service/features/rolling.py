"""What streaming features are built of: each takes one value in and tells what it makes of the last ones.

A window with a hole (NaN) in it has no value, and is whole again once the hole has passed. Windows are added up
afresh for every value: with their few dozens of numbers that costs less than a microsecond, and where they hold
nothing but zeros, or nothing but one price, that is exactly what comes out.

An average that remembers everything begins after the first holes and must not meet another.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from math import isnan, log, nan, sqrt
from operator import mul

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


def over(bars: int, rule: Callable[[deque[float]], float]) -> Block:
    """What a rule makes of the last values, the oldest first; the rule passes a hole on, as a sum does."""
    window: deque[float] = deque(maxlen=bars)

    def step(value: float) -> float:
        window.append(value)
        return rule(window) if len(window) == bars else nan

    return step


def weighted(bars: int) -> Block:
    """The newest counts as many times as there are bars, the oldest once."""
    weights = range(1, bars + 1)
    whole = bars * (bars + 1) / 2
    return over(bars, lambda window: product(weights, window) / whole)


def centred(window: Sequence[float]) -> list[float]:
    """How far each lies from the mean of the window; exactly 0 where all are equal."""
    oldest = window[0]
    distances = [value - oldest for value in window]
    middle = sum(distances) / len(distances)
    return [distance - middle for distance in distances]


def product(some: Iterable[float], others: Iterable[float]) -> float:
    """Multiplied pair by pair, and added up."""
    return sum(map(mul, some, others), 0.0)


def changed() -> Block:
    before = lag(1)
    return lambda value: value - before(value)


def relative_change() -> Block:
    before = lag(1)

    def step(value: float) -> float:
        past = before(value)
        return (value - past) / past

    return step


def since_highest(bars: int) -> Block:
    """How many bars ago the highest was; of equals, the newest counts."""
    standing: deque[tuple[int, float]] = deque()
    at = 0

    def step(value: float) -> float:
        nonlocal at
        at += 1
        while standing and standing[-1][1] <= value:
            standing.pop()
        standing.append((at, value))
        if standing[0][0] <= at - bars:
            standing.popleft()
        return float(at - standing[0][0]) if at >= bars else nan

    return step


def run() -> Block:
    """How many values in a row had this sign; counted below zero where they were negative."""
    count = 0

    def step(value: float) -> float:
        nonlocal count
        if value > 0.0:
            count = max(count, 0) + 1
        elif value < 0.0:
            count = min(count, 0) - 1
        else:
            count = 0
        return nan if isnan(value) else float(count)

    return step
