"""VWMA 20: the mean of the last closes, each weighing as much as was traded."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 20


def batch(candles: Candles) -> Floats:
    traded = windows.total(candles.close * candles.volume, BARS)
    return windows.share_of(traded, windows.total(candles.volume, BARS))


def stream() -> Step:
    traded, volume = rolling.total(BARS), rolling.total(BARS)

    def step(candle: Candle) -> float:
        part, whole = traded(candle.close * candle.volume), volume(candle.volume)
        return rolling.ratio(part, whole)

    return step


FEATURE = Feature("vwma", "trend", BARS - 1, batch, stream, {"bars": BARS}, scale_free=False)
