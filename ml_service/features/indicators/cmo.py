"""CMO 14: Chande's momentum oscillator in his own, unsmoothed form, from -100 to 100."""

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 14


def batch(candles: Candles) -> Floats:
    change = windows.changed(candles.close)
    way, path = windows.total(change, BARS), windows.total(np.abs(change), BARS)
    return windows.share_of(100.0 * way, path)


def stream() -> Step:
    changed, travelled, walked = rolling.changed(), rolling.total(BARS), rolling.total(BARS)

    def step(candle: Candle) -> float:
        change = changed(candle.close)
        way, path = travelled(change), walked(abs(change))
        return 100.0 * rolling.ratio(way, path)

    return step


FEATURE = Feature("cmo", "momentum", BARS, batch, stream, {"bars": BARS})
