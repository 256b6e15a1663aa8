"""Regimes of one bar at a time; the same bits as the batch form gives, which explains the arithmetic.

What it knows comes from the last bars alone: fed with stored candles after a restart, it goes on as if nothing
had been. `warm_up` bars fill the windows; then it takes a few more, up to `bars_to_rebuild` in all.
"""

from collections import deque
from collections.abc import Callable

from ml_service.domain.market.candles import Candle
from ml_service.domain.market.regime_batch import GRAIN
from ml_service.domain.market.regime_confidence import confidence
from ml_service.domain.market.regime_hysteresis import AFTER, ALL, COUNT, REGIME_OF, SETTLING_BARS, settled
from ml_service.domain.market.regimes import REGIMES, UNKNOWN, RegimeAt, RegimePolicy

Step = Callable[[Candle], RegimeAt | None]


def regime_stream(policy: RegimePolicy | None = None) -> Step:
    """One that has seen no bar yet; None while it cannot tell."""
    policy = policy or RegimePolicy()
    move = sums(policy.fast_bars, policy.slow_bars)
    top, bottom = highest(policy.fast_bars), highest(policy.fast_bars)
    slow_to_fast = policy.slow_bars / policy.fast_bars
    slow_to_path = GRAIN * policy.slow_bars / policy.usual_path
    possible, told = ALL, 0
    before: Candle | None = None

    def step(candle: Candle) -> RegimeAt | None:
        nonlocal before, possible, told
        assert candle.low > 0.0
        last, before = before, candle
        if last is None:
            return None
        high, low = top(candle.high), -bottom(-candle.low)
        net, path, fast, slow = move(
            grains(candle.close, last.close), grains(max(candle.high, last.close), min(candle.low, last.close))
        )
        if slow is None:
            return None
        efficiency = abs(net) / path if path else 0.0
        activity = fast / slow * slow_to_fast if slow else 0.0
        spread = 2.0 * (high - low) / (high + low) * slow_to_path / slow if slow else 0.0
        scores = (
            policy.trending(efficiency),
            0.0,
            policy.volatile(activity),
            min(policy.quiet(activity), policy.narrow(spread)),
        )
        told += 1
        seen = verdict(scores, policy.margin)
        if told == SETTLING_BARS and REGIME_OF[possible] == UNKNOWN:
            seen = settled(seen)
        possible = AFTER[possible][seen]
        code = REGIME_OF[possible]
        if code == UNKNOWN:
            return None
        sure = confidence(code, lead(scores, code))
        return RegimeAt(candle.opened_at_ms, REGIMES[code], sure, efficiency, activity, spread)

    return step


def grains(one: float, other: float) -> int:
    return round(2.0 * (one - other) / (one + other) * GRAIN)


def verdict(scores: tuple[float, float, float, float], margin: float) -> int:
    most = max(scores)
    trending, sideways, volatile, consolidation = scores
    return (
        scores.index(most) << COUNT
        | (trending + margin >= most)
        | (sideways + margin >= most) << 1
        | (volatile + margin >= most) << 2
        | (consolidation + margin >= most) << 3
    )


def lead(scores: tuple[float, float, float, float], code: int) -> float:
    return scores[code] - max(score for place, score in enumerate(scores) if place != code)


def sums(fast_bars: int, slow_bars: int) -> Callable[[int, int], tuple[int, int, int, int | None]]:
    """Of moves, of their sizes and of ranges over the fast bars, and of ranges over the slow ones."""
    moves: deque[int] = deque([0] * fast_bars, maxlen=fast_bars)
    recent: deque[int] = deque([0] * fast_bars, maxlen=fast_bars)
    ranges: deque[int] = deque([0] * slow_bars, maxlen=slow_bars)
    net = path = fast = slow = seen = 0

    def add(move: int, extent: int) -> tuple[int, int, int, int | None]:
        nonlocal net, path, fast, slow, seen
        seen += 1
        leaving = moves[0]
        net += move - leaving
        path += abs(move) - abs(leaving)
        fast += extent - recent[0]
        slow += extent - ranges[0]
        moves.append(move)
        recent.append(extent)
        ranges.append(extent)
        return net, path, fast, slow if seen >= slow_bars else None

    return add


def highest(bars: int) -> Callable[[float], float]:
    """In constant time: only those are kept that may still become the highest."""
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
        return standing[0][1]

    return step
