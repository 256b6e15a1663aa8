"""Wilder's directional movement: how much of the true range went to new highs, and how much to new lows."""

from collections.abc import Callable
from math import isnan, nan

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.plain_talib import talib
from ml_service.features.spec import ROUNDING


def directions(candles: Candles, bars: int) -> tuple[Floats, Floats]:
    """+DI and -DI. As in TA-Lib the smoothing begins with the first bar, which cannot have moved.

    From TA-Lib's smoothing instead of its DI, which tells 0 for a true range below 1e-14.
    """
    rise, fall = windows.changed(candles.high), -windows.changed(candles.low)
    up = np.where((rise > fall) & (rise > 0.0), rise, 0.0)
    down = np.where((fall > rise) & (fall > 0.0), fall, 0.0)
    extent = windows.indicator(talib.TRANGE, candles.high, candles.low, candles.close)
    extent[:1] = 0.0
    plus, minus, whole = (windows.indicator(talib.RMA, one, timeperiod=bars) for one in (up, down, extent))
    told = whole > ROUNDING * candles.close
    told[:bars] = False
    whole = np.where(told, whole, np.nan)
    return 100.0 * plus / whole, 100.0 * minus / whole


def direction(bars: int) -> Callable[[Candle], tuple[float, float]]:
    smooth_up, smooth_down, smooth = rolling.wilder(bars), rolling.wilder(bars), rolling.wilder(bars)
    before: Candle | None = None
    at = 0

    def step(candle: Candle) -> tuple[float, float]:
        nonlocal before, at
        last, before = before or candle, candle
        rise, fall = candle.high - last.high, last.low - candle.low
        plus = smooth_up(rise if rise > fall and rise > 0.0 else 0.0)
        minus = smooth_down(fall if fall > rise and fall > 0.0 else 0.0)
        whole = smooth(max(candle.high, last.close) - min(candle.low, last.close) if at else 0.0)
        at += 1
        if at <= bars or whole <= ROUNDING * candle.close:
            return nan, nan
        return 100.0 * plus / whole, 100.0 * minus / whole

    return step


def imbalances(plus: Floats, minus: Floats) -> Floats:
    """DX: missing where neither direction was taken."""
    whole = plus + minus
    return 100.0 * windows.share_of(np.abs(plus - minus), np.where(whole > ROUNDING, whole, np.nan))


def imbalance(plus: float, minus: float) -> float:
    return 100.0 * abs(plus - minus) / (plus + minus) if plus + minus > ROUNDING else nan


def strengths(candles: Candles, bars: int) -> Floats:
    """ADX: DX smoothed. As in TA-Lib, what has no direction counts as 0 at the beginning, and later not at all."""
    found = imbalances(*directions(candles, bars))
    told = ~np.isnan(found)
    begun = np.maximum.accumulate(told)
    kept = told | ~begun
    kept[:bars] = False
    out = np.full(found.size, np.nan)
    out[kept] = windows.indicator(talib.RMA, np.where(told, found, 0.0)[kept], timeperiod=bars)
    out[~begun] = np.nan
    return out


def strength(bars: int) -> Callable[[Candle], float]:
    directed, smooth = direction(bars), rolling.wilder(bars)
    begun = False
    at = 0

    def step(candle: Candle) -> float:
        nonlocal begun, at
        at += 1
        found = imbalance(*directed(candle))
        if not isnan(found):
            begun = True
            return smooth(found)
        if at > bars and not begun:
            smooth(0.0)
        return nan

    return step
