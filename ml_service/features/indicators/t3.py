"""T3 5: Tillson's mean, six exponential ones weighted so that it is smooth and yet quick."""

from itertools import accumulate

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.plain_talib import talib
from ml_service.features.spec import Feature, Step, settling_of

BARS = 5
EAGERNESS = 0.7


def batch(candles: Candles) -> Floats:
    return windows.indicator(talib.T3, candles.close, timeperiod=BARS, vfactor=EAGERNESS)


def stream() -> Step:
    averages = [rolling.exponential(BARS) for _ in range(6)]
    weights = (
        1.0 + 3.0 * EAGERNESS + 3.0 * EAGERNESS**2 + EAGERNESS**3,
        -3.0 * EAGERNESS - 6.0 * EAGERNESS**2 - 3.0 * EAGERNESS**3,
        3.0 * EAGERNESS**2 + 3.0 * EAGERNESS**3,
        -(EAGERNESS**3),
    )

    def step(candle: Candle) -> float:
        levels = list(accumulate(averages, lambda level, average: average(level), initial=candle.close))
        return rolling.product(weights, levels[3:])

    return step


FEATURE = Feature(
    "t3",
    "trend",
    6 * (BARS - 1),
    batch,
    stream,
    {"bars": BARS, "eagerness": EAGERNESS},
    scale_free=False,
    settling=6 * settling_of(2.0 / (BARS + 1)),
)
