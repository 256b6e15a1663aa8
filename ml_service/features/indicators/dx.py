"""DX 14: how far +DI and -DI are from balancing each other, from 0 to 100."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features.indicators import directional
from ml_service.features.spec import Feature, Step, settling_of

BARS = 14


def batch(candles: Candles) -> Floats:
    return directional.imbalances(*directional.directions(candles, BARS))


def stream() -> Step:
    direction = directional.direction(BARS)
    return lambda candle: directional.imbalance(*direction(candle))


FEATURE = Feature("dx", "trend", BARS, batch, stream, {"bars": BARS}, settling=settling_of(1.0 / BARS))
