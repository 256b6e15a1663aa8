"""MACD signal line: the exponential mean over 9 bars of the distance between the means over 12 and 26."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.indicators import convergence
from ml_service.features.plain_talib import talib
from ml_service.features.spec import Feature, Step, settling_of

FAST, SLOW, SIGNAL = 12, 26, 9


def batch(candles: Candles) -> Floats:
    return windows.indicator(usual_lead, candles.close)


def usual_lead(close: Floats) -> Floats:
    _, signal, _ = talib.MACD(close, FAST, SLOW, SIGNAL)
    values: Floats = signal
    return values


def stream() -> Step:
    converged, signal = convergence.stream(FAST, SLOW), rolling.exponential(SIGNAL)
    return lambda candle: signal(converged(candle.close))


FEATURE = Feature(
    "macd_signal",
    "trend",
    SLOW + SIGNAL - 2,
    batch,
    stream,
    {"fast": FAST, "slow": SLOW, "signal": SIGNAL},
    scale_free=False,
    settling=settling_of(2.0 / (SLOW + 1)) + settling_of(2.0 / (SIGNAL + 1)),
)
