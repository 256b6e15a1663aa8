"""ATR 14: how far a bar usually reaches, as a share of the price."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features.rolling import ratio
from ml_service.features.spec import Feature, Step, settling_of
from ml_service.features.true_range import average, averages
from ml_service.features.windows import share_of

BARS = 14


def batch(candles: Candles) -> Floats:
    return share_of(averages(candles, BARS), candles.close)


def stream() -> Step:
    usual = average(BARS)
    return lambda candle: ratio(usual(candle), candle.close)


FEATURE = Feature("atr", "technical", BARS, batch, stream, {"bars": BARS}, settling=settling_of(1.0 / BARS))
