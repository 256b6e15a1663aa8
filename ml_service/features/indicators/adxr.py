"""ADXR 14: the mean of ADX now and 13 bars ago."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.indicators import directional
from ml_service.features.spec import Feature, Step, settling_of

BARS = 14


def batch(candles: Candles) -> Floats:
    strength = directional.strengths(candles, BARS)
    return (strength + windows.lagged(strength, BARS - 1)) / 2.0


def stream() -> Step:
    strength, before = directional.strength(BARS), rolling.lag(BARS - 1)

    def step(candle: Candle) -> float:
        now = strength(candle)
        return (now + before(now)) / 2.0

    return step


FEATURE = Feature("adxr", "trend", 3 * BARS - 2, batch, stream, {"bars": BARS}, settling=2 * settling_of(1.0 / BARS))
