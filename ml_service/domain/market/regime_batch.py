"""Regimes of many bars at once; the same bits as the streaming form gives.

Moves and ranges are relative to the middle of what they lie between, which is worked out with the four basic
operations alone (a logarithm differs in its last bit between numpy and Python), and are then rounded to
whole numbers, whose sums are exact whatever the order they are added up in.
"""

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.market.candles import Candles, Floats
from ml_service.domain.market.regime_confidence import confidences
from ml_service.domain.market.regime_hysteresis import COUNT, REGIME_OF, followed
from ml_service.domain.market.regimes import UNKNOWN, RegimePolicy, Regimes

GRAIN = 2.0**40
"""A move of 1 in whole numbers: finer than any price's own digits."""

Wholes = NDArray[np.int64]


def regimes_of(candles: Candles, policy: RegimePolicy | None = None) -> Regimes:
    policy = policy or RegimePolicy()
    told = max(len(candles) - policy.warm_up, 0)
    if not told:
        return nothing_told(candles)
    efficiency, activity, spread = measures(candles, policy)
    scores = scores_of(efficiency, activity, spread, policy)
    possible = followed(verdicts_of(scores, policy.margin).tobytes())
    code = np.array(REGIME_OF, np.int8)[np.frombuffer(possible, np.uint8)]
    unknown = code == UNKNOWN
    columns = (confidences(code, lead(scores, code)), efficiency, activity, spread)
    missing = np.full(len(candles) - told, np.nan)
    return Regimes(
        candles.opened_at_ms,
        np.concatenate((np.full(len(candles) - told, UNKNOWN, np.int8), code)),
        *(np.concatenate((missing, np.where(unknown, np.nan, column))) for column in columns),
    )


def nothing_told(candles: Candles) -> Regimes:
    missing = np.full(len(candles), np.nan)
    return Regimes(candles.opened_at_ms, np.full(len(candles), UNKNOWN, np.int8), missing, missing, missing, missing)


def measures(candles: Candles, policy: RegimePolicy) -> tuple[Floats, Floats, Floats]:
    """Efficiency, activity and spread from the first bar on that has them all."""
    fast, told = policy.fast_bars, len(candles) - policy.warm_up
    before, close = candles.close[:-1], candles.close[1:]
    high, low = candles.high[1:], candles.low[1:]
    assert low.min() > 0.0
    assert np.isfinite(high).all()

    moves = grains(close - before, close + before)
    highest, lowest = np.maximum(high, before), np.minimum(low, before)
    ranges = grains(highest - lowest, highest + lowest)
    fast_ranges = total(ranges, fast)[-told:]
    slow_ranges = total(ranges, policy.slow_bars)
    top, bottom = extreme(np.maximum, high, fast)[-told:], extreme(np.minimum, low, fast)[-told:]
    whole = 2.0 * (top - bottom) / (top + bottom)

    efficiency = share(np.abs(total(moves, fast))[-told:], total(np.abs(moves), fast)[-told:])
    activity = share(fast_ranges, slow_ranges) * (policy.slow_bars / fast)
    spread = share(whole * (GRAIN * policy.slow_bars / policy.usual_path), slow_ranges)
    return efficiency, activity, spread


def grains(difference: Floats, sum: Floats) -> Wholes:
    return np.rint(2.0 * difference / sum * GRAIN).astype(np.int64)


def total(values: Wholes, bars: int) -> Wholes:
    sums = np.concatenate((np.zeros(1, np.int64), np.cumsum(values)))
    # Where the running sum overflows, the difference is still right.
    return sums[bars:] - sums[:-bars]


def extreme(of_two: np.ufunc, values: Floats, bars: int) -> Floats:
    """Of every window, by doubling its width."""
    width = 1
    while width < bars:
        step = min(width, bars - width)
        values = of_two(values[step:], values[:-step])
        width += step
    return values


def share(part: Floats | Wholes, whole: Wholes) -> Floats:
    """0 where nothing moves at all."""
    return np.divide(part, whole, out=np.zeros(whole.size), where=whole > 0)


def scores_of(efficiency: Floats, activity: Floats, spread: Floats, policy: RegimePolicy) -> Floats:
    """A row for each regime, in the order of REGIMES."""
    consolidation = np.minimum(policy.quiet(activity), policy.narrow(spread))
    sideways = np.zeros(efficiency.size)
    return np.stack((policy.trending(efficiency), sideways, policy.volatile(activity), consolidation))


def verdicts_of(scores: Floats, margin: float) -> NDArray[np.uint8]:
    staying = scores + margin >= scores.max(axis=0)
    verdicts: NDArray[np.uint8] = scores.argmax(axis=0).astype(np.uint8) << COUNT
    for place in range(COUNT):
        verdicts |= staying[place].astype(np.uint8) << place
    return verdicts


def lead(scores: Floats, code: NDArray[np.int8]) -> Floats:
    """By how much the regime that holds leads all others; negative where it holds only because of the margin."""
    out = np.zeros(code.size)
    for place in range(COUNT):
        others = np.delete(scores, place, axis=0).max(axis=0)
        np.copyto(out, scores[place] - others, where=code == place)
    return out
