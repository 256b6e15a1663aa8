"""TEMA 20: the triple exponential mean, which lags less than the double one."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.plain_talib import talib
from ml_service.features.spec import Feature, Step, settling_of

BARS = 20


def batch(candles: Candles) -> Floats:
    return windows.indicator(talib.TEMA, candles.close, timeperiod=BARS)


def stream() -> Step:
    once, twice, thrice = (rolling.exponential(BARS) for _ in range(3))

    def step(candle: Candle) -> float:
        first = once(candle.close)
        second = twice(first)
        return 3.0 * first - 3.0 * second + thrice(second)

    return step


FEATURE = Feature(
    "tema",
    "trend",
    3 * (BARS - 1),
    batch,
    stream,
    {"bars": BARS},
    scale_free=False,
    settling=3 * settling_of(2.0 / (BARS + 1)),
)
