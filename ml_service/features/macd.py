"""MACD 12, 26, 9: how far the fast average gains on the slow one beyond its usual lead, in percent of the price."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features.plain_talib import talib
from ml_service.features.rolling import exponential, ratio
from ml_service.features.spec import Feature, Step, settling_of
from ml_service.features.windows import indicator, share_of

FAST = 12
SLOW = 26
SIGNAL = 9


def batch(candles: Candles) -> Floats:
    return 100.0 * share_of(indicator(lead, candles.close), candles.close)


def lead(close: Floats) -> Floats:
    _, _, over_signal = talib.MACD(close, FAST, SLOW, SIGNAL)
    values: Floats = over_signal
    return values


def stream() -> Step:
    fast, slow, usual = exponential(FAST), exponential(SLOW), exponential(SIGNAL)
    bars = 0

    def step(candle: Candle) -> float:
        nonlocal bars
        bars += 1
        behind = slow(candle.close)
        # Both averages have their first value at the same bar, as TA-Lib begins them.
        if bars <= SLOW - FAST:
            return behind
        line = fast(candle.close) - behind
        return 100.0 * ratio(line - usual(line), candle.close)

    return step


FEATURE = Feature(
    "macd",
    "technical",
    SLOW + SIGNAL - 2,
    batch,
    stream,
    {"fast": FAST, "slow": SLOW, "signal": SIGNAL},
    settling=settling_of(2.0 / (SLOW + 1)),
)
