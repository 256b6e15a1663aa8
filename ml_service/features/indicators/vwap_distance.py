"""How far the close is from the volume-weighted average price of the last 20 bars, as a share of it."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.indicators import typical
from ml_service.features.spec import Feature, Step

BARS = 20


def batch(candles: Candles) -> Floats:
    traded = windows.total(typical.prices(candles) * candles.volume, BARS)
    middle = windows.share_of(traded, windows.total(candles.volume, BARS))
    return (candles.close - middle) / middle


def stream() -> Step:
    traded, volume = rolling.total(BARS), rolling.total(BARS)

    def step(candle: Candle) -> float:
        middle = rolling.ratio(traded(typical.price(candle) * candle.volume), volume(candle.volume))
        return (candle.close - middle) / middle

    return step


FEATURE = Feature("vwap_distance", "volume", BARS - 1, batch, stream, {"bars": BARS})
