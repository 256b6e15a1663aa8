"""How many Heikin-Ashi bars in a row have had one colour, up to 20; below zero where they fell."""

from math import isnan, nan

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.plain_talib import talib
from ml_service.features.spec import Feature, Step, settling_of

LIMIT = 20
DOJI = 1e-9
"""A body of less, as a share of the price, has no colour: in a market that stands still it would be rounding."""


def batch(candles: Candles) -> Floats:
    if len(candles) == 0:
        return np.empty(0)
    begin, _, _, end = talib.HA(candles.open, candles.high, candles.low, candles.close)
    body = end - begin
    return np.clip(windows.runs(np.where(np.abs(body) > DOJI * end, body, 0.0)), -LIMIT, LIMIT)


def stream() -> Step:
    run = rolling.run()
    begin, end = nan, nan

    def step(candle: Candle) -> float:
        nonlocal begin, end
        begin = (candle.open + candle.close) / 2.0 if isnan(begin) else (begin + end) / 2.0
        end = (candle.open + candle.high + candle.low + candle.close) / 4.0
        body = end - begin
        count = run(body if abs(body) > DOJI * end else 0.0)
        return max(min(count, float(LIMIT)), float(-LIMIT))

    return step


FEATURE = Feature("heikin_ashi_run", "price", 0, batch, stream, {"limit": LIMIT}, settling=settling_of(0.5) + LIMIT)
