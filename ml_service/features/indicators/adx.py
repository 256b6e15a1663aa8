"""ADX 14: how strong the trend is, in either direction, from 0 to 100."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features.indicators import directional
from ml_service.features.spec import Feature, Step, settling_of

BARS = 14


def batch(candles: Candles) -> Floats:
    return directional.strengths(candles, BARS)


def stream() -> Step:
    return directional.strength(BARS)


FEATURE = Feature("adx", "trend", 2 * BARS - 1, batch, stream, {"bars": BARS}, settling=2 * settling_of(1.0 / BARS))
