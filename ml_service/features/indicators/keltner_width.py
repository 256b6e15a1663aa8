"""Keltner width 20/2: how far the channel's edges are apart, as a share of its middle."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.indicators import typical
from ml_service.features.spec import Feature, Step, settling_of
from ml_service.features.true_range import average, averages

BARS, RANGES = 20, 2.0


def batch(candles: Candles) -> Floats:
    return 2.0 * RANGES * averages(candles, BARS) / windows.exponential(typical.prices(candles), BARS)


def stream() -> Step:
    extent, middle = average(BARS), rolling.exponential(BARS)

    def step(candle: Candle) -> float:
        return 2.0 * RANGES * extent(candle) / middle(typical.price(candle))

    return step


FEATURE = Feature(
    "keltner_width",
    "volatility",
    BARS,
    batch,
    stream,
    {"bars": BARS, "ranges": RANGES},
    settling=settling_of(1.0 / BARS),
)
