"""What TA-Lib itself says about the indicators that it defines, to compare both forms of ours with."""

from collections.abc import Callable
from typing import Any

import numpy as np
import talib

from ml_service.domain.market.candles import Candles, Floats

EXPONENTIAL: Any = 1
"""TA-Lib's number for this kind of average; its types ask for it in two ways."""


def bandwidth(candles: Candles) -> Floats:
    upper, middle, lower = talib.BBANDS(candles.close, timeperiod=20, nbdevup=2.0, nbdevdn=2.0)
    return (upper - lower) / middle


def channel_width(candles: Candles) -> Floats:
    """The middle by itself: beside a range over as many bars, TA-Lib begins it one bar later."""
    upper, _, lower = talib.KC(*bars(candles), timeperiod=20, atrperiod=20, nbdev=2.0)
    _, middle, _ = talib.KC(*bars(candles), timeperiod=20, atrperiod=10, nbdev=2.0)
    width: Floats = (upper - lower) / middle
    return width


def place_in_channel(candles: Candles) -> Floats:
    """Of the bars before this one."""
    upper, _, lower = (np.append(np.nan, edge[:-1]) for edge in talib.DONCHIAN(candles.high, candles.low, 20))
    place: Floats = (candles.close - lower) / (upper - lower)
    return place


def share_of_force(candles: Candles) -> Floats:
    force = np.abs(np.diff(candles.close, prepend=np.nan)) * candles.volume
    return talib.EFI(candles.close, candles.volume, 13) / talib.EMA(force, 13)


def slow_stochastic(candles: Candles, again: int = 1) -> tuple[Floats, Floats]:
    return talib.STOCH(*bars(candles), fastk_period=14, slowk_period=3, slowd_period=again)


def bars(candles: Candles) -> tuple[Floats, Floats, Floats]:
    return candles.high, candles.low, candles.close


REFERENCES: dict[str, Callable[[Candles], Floats]] = {
    "sma": lambda c: talib.SMA(c.close, 20),
    "ema": lambda c: talib.EMA(c.close, 20),
    "wma": lambda c: talib.WMA(c.close, 20),
    "dema": lambda c: talib.DEMA(c.close, 20),
    "tema": lambda c: talib.TEMA(c.close, 20),
    "trima": lambda c: talib.TRIMA(c.close, 20),
    "hull_average": lambda c: talib.HMA(c.close, 16),
    "t3": lambda c: talib.T3(c.close, 5, 0.7),
    "kama": lambda c: talib.KAMA(c.close, 10),
    "vwma": lambda c: talib.VWMA(c.close, c.volume, 20),
    "macd_signal": lambda c: talib.MACD(c.close, 12, 26, 9)[1],
    "macd_histogram": lambda c: talib.MACD(c.close, 12, 26, 9)[2],
    "apo": lambda c: talib.APO(c.close, 10, 30, EXPONENTIAL),
    "ppo": lambda c: talib.PPO(c.close, 12, 26, EXPONENTIAL),
    "trix": lambda c: talib.TRIX(c.close, 15),
    "plus_di": lambda c: talib.PLUS_DI(*bars(c), 14),
    "minus_di": lambda c: talib.MINUS_DI(*bars(c), 14),
    "dx": lambda c: talib.DX(*bars(c), 14),
    "adx": lambda c: talib.ADX(*bars(c), 14),
    "adxr": lambda c: talib.ADXR(*bars(c), 14),
    "aroon_up": lambda c: talib.AROON(c.high, c.low, 14)[1],
    "aroon_down": lambda c: talib.AROON(c.high, c.low, 14)[0],
    "aroon_oscillator": lambda c: talib.AROONOSC(c.high, c.low, 14),
    "linear_slope": lambda c: talib.LINEARREG_SLOPE(c.close, 14),
    "linear_angle": lambda c: talib.LINEARREG_ANGLE(c.close, 14),
    "donchian_position": place_in_channel,
    "efficiency_ratio": lambda c: talib.ER(c.close, 10),
    "cmo": lambda c: talib.CMOU(c.close, 14),
    "ultimate_oscillator": lambda c: talib.ULTOSC(*bars(c), 7, 14, 28),
    "stochastic_slow_k": lambda c: slow_stochastic(c)[0],
    "stochastic_slow_d": lambda c: slow_stochastic(c, 3)[1],
    "stochastic_rsi": lambda c: talib.STOCHRSI(c.close, 14, 14, 1)[0],
    "tsi": lambda c: talib.TSI(c.close, 25, 13),
    "balance_of_power": lambda c: talib.BOP(c.open, *bars(c)),
    "bollinger_bandwidth": bandwidth,
    "keltner_width": channel_width,
    "natr": lambda c: talib.NATR(*bars(c), 28),
    "true_range": lambda c: talib.TRANGE(*bars(c)),
    "money_flow_index": lambda c: talib.MFI(*bars(c), c.volume, 14),
    "chaikin_money_flow": lambda c: talib.CMF(*bars(c), c.volume, 20),
    "ad_oscillator": lambda c: talib.ADOSC(*bars(c), c.volume, 3, 10),
    "force_index_share": share_of_force,
    "percentage_volume": lambda c: talib.PVO(c.volume, 12, 26, EXPONENTIAL),
}
