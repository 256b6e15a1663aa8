"""MACD histogram: how far MACD is above its signal line."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.indicators import convergence
from ml_service.features.plain_talib import talib
from ml_service.features.spec import Feature, Step, settling_of

FAST, SLOW, SIGNAL = 12, 26, 9


def batch(candles: Candles) -> Floats:
    return windows.indicator(lead, candles.close)


def lead(close: Floats) -> Floats:
    _, _, over_signal = talib.MACD(close, FAST, SLOW, SIGNAL)
    values: Floats = over_signal
    return values


def stream() -> Step:
    converged, signal = convergence.stream(FAST, SLOW), rolling.exponential(SIGNAL)

    def step(candle: Candle) -> float:
        line = converged(candle.close)
        return line - signal(line)

    return step


FEATURE = Feature(
    "macd_histogram",
    "momentum",
    SLOW + SIGNAL - 2,
    batch,
    stream,
    {"fast": FAST, "slow": SLOW, "signal": SIGNAL},
    scale_free=False,
    settling=settling_of(2.0 / (SLOW + 1)) + settling_of(2.0 / (SIGNAL + 1)),
)
