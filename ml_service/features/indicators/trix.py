"""TRIX 15: by how many percent the triple-smoothed mean of the closes changed with this bar."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.plain_talib import talib
from ml_service.features.spec import Feature, Step, settling_of

BARS = 15


def batch(candles: Candles) -> Floats:
    return windows.indicator(talib.TRIX, candles.close, timeperiod=BARS)


def stream() -> Step:
    once, twice, thrice = (rolling.exponential(BARS) for _ in range(3))
    before = rolling.lag(1)

    def step(candle: Candle) -> float:
        level = thrice(twice(once(candle.close)))
        return 100.0 * (level / before(level) - 1.0)

    return step


FEATURE = Feature(
    "trix", "momentum", 3 * (BARS - 1) + 1, batch, stream, {"bars": BARS}, settling=3 * settling_of(2.0 / (BARS + 1))
)
