"""KAMA 10: Kaufman's mean, which moves quickly in a trend and hardly at all in noise."""

from collections import deque
from math import nan

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import windows
from ml_service.features.plain_talib import talib
from ml_service.features.spec import Feature, Step, settling_of

BARS = 10
FAST, SLOW = 2.0 / (2 + 1), 2.0 / (30 + 1)
NOTHING = 1e-14
"""TA-Lib takes a shorter path for none."""


def batch(candles: Candles) -> Floats:
    return windows.indicator(talib.KAMA, candles.close, timeperiod=BARS)


def stream() -> Step:
    # The path is kept just as TA-Lib keeps it, rounding included: after a stretch where nothing moves, its quotient
    # with nothing decides how fast the mean goes on.
    closes: deque[float] = deque(maxlen=BARS + 1)
    path = 0.0
    level = nan

    def step(candle: Candle) -> float:
        nonlocal path, level
        if len(closes) > BARS:
            path -= abs(closes[0] - closes[1])
        if closes:
            path += abs(candle.close - closes[-1])
            level = closes[-1] if len(closes) == BARS else level
        closes.append(candle.close)
        if len(closes) <= BARS:
            return nan
        way = candle.close - closes[0]
        efficiency = 1.0 if path <= way or abs(path) < NOTHING else abs(way / path)
        share = efficiency * (FAST - SLOW) + SLOW
        level += share * share * (candle.close - level)
        return level

    return step


FEATURE = Feature(
    "kama", "trend", BARS, batch, stream, {"bars": BARS}, scale_free=False, settling=settling_of(SLOW * SLOW)
)
