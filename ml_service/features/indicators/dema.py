"""DEMA 20: the double exponential mean, which lags less than the single one."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.plain_talib import talib
from ml_service.features.spec import Feature, Step, settling_of

BARS = 20


def batch(candles: Candles) -> Floats:
    return windows.indicator(talib.DEMA, candles.close, timeperiod=BARS)


def stream() -> Step:
    once, twice = rolling.exponential(BARS), rolling.exponential(BARS)

    def step(candle: Candle) -> float:
        first = once(candle.close)
        return 2.0 * first - twice(first)

    return step


FEATURE = Feature(
    "dema",
    "trend",
    2 * (BARS - 1),
    batch,
    stream,
    {"bars": BARS},
    scale_free=False,
    settling=2 * settling_of(2.0 / (BARS + 1)),
)
