"""Streak: how many bars in a row have closed higher, up to 20; below zero where they closed lower."""

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

LIMIT = 20
"""What is longer counts as so long: a value must not depend on what was before the memory begins."""


def batch(candles: Candles) -> Floats:
    return np.clip(windows.runs(windows.changed(candles.close)), -LIMIT, LIMIT)


def stream() -> Step:
    changed, run = rolling.changed(), rolling.run()

    def step(candle: Candle) -> float:
        count = run(changed(candle.close))
        return max(min(count, float(LIMIT)), float(-LIMIT))

    return step


FEATURE = Feature("streak", "price", 1, batch, stream, {"limit": LIMIT}, settling=LIMIT)
