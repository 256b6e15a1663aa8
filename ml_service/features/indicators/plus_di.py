"""+DI 14: how much of the true range was movement to new highs, in percent."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features.indicators import directional
from ml_service.features.spec import Feature, Step, settling_of

BARS = 14


def batch(candles: Candles) -> Floats:
    return directional.directions(candles, BARS)[0]


def stream() -> Step:
    directions = directional.direction(BARS)
    return lambda candle: directions(candle)[0]


FEATURE = Feature("plus_di", "trend", BARS, batch, stream, {"bars": BARS}, settling=settling_of(1.0 / BARS))
