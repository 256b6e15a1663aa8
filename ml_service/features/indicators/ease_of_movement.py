"""Ease of movement 14: how far the middle moved for the volume it took, in units of price and usual volume."""

from math import nan

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 14


def batch(candles: Candles) -> Floats:
    middle = (candles.high + candles.low) / 2.0
    before = windows.lagged(middle, 1)
    effort = windows.share_of(candles.volume, windows.mean(candles.volume, BARS))
    ease = (middle - before) / before * ((candles.high - candles.low) / before)
    return windows.mean(windows.share_of(ease, effort), BARS)


def stream() -> Step:
    moved, usual, smooth = rolling.lag(1), rolling.mean(BARS), rolling.mean(BARS)

    def step(candle: Candle) -> float:
        middle, volume = (candle.high + candle.low) / 2.0, usual(candle.volume)
        before = moved(middle)
        ease = (middle - before) / before * ((candle.high - candle.low) / before)
        # What moved without any volume cannot be told, nor can the mean that it would be part of.
        return smooth(ease / (candle.volume / volume) if candle.volume != 0.0 else nan)

    return step


FEATURE = Feature("ease_of_movement", "volume", 2 * (BARS - 1), batch, stream, {"bars": BARS})
