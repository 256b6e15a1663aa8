"""Elder's force index 13 as a share of all force, whichever way: from -1 to 1."""

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step, settling_of

BARS = 13


def batch(candles: Candles) -> Floats:
    force = windows.changed(candles.close) * candles.volume
    return windows.share_of(windows.exponential(force, BARS), windows.exponential(np.abs(force), BARS))


def stream() -> Step:
    changed, net, gross = rolling.changed(), rolling.exponential(BARS), rolling.exponential(BARS)

    def step(candle: Candle) -> float:
        force = changed(candle.close) * candle.volume
        part, whole = net(force), gross(abs(force))
        return rolling.ratio(part, whole)

    return step


FEATURE = Feature(
    "force_index_share", "volume", BARS, batch, stream, {"bars": BARS}, settling=settling_of(2.0 / (BARS + 1))
)
