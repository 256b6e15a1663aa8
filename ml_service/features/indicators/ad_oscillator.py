"""Chaikin A/D oscillator 3/10: how far the fast mean of the accumulated money flow is above the slow one."""

from math import nan

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import windows
from ml_service.features.indicators import money_flow
from ml_service.features.plain_talib import talib
from ml_service.features.spec import Feature, Step, settling_of

FAST, SLOW = 3, 10


def batch(candles: Candles) -> Floats:
    columns = (candles.high, candles.low, candles.close, candles.volume)
    return windows.indicator(talib.ADOSC, *columns, fastperiod=FAST, slowperiod=SLOW)


def stream() -> Step:
    # Kept as how far each mean is behind the line: the line itself grows for ever, and digits would be lost in it.
    behind_fast = behind_slow = 0.0
    at = 0

    def step(candle: Candle) -> float:
        nonlocal behind_fast, behind_slow, at
        flow = money_flow.flow(candle)
        at += 1
        if at > 1:
            behind_fast = (behind_fast + flow) * (1.0 - 2.0 / (FAST + 1))
            behind_slow = (behind_slow + flow) * (1.0 - 2.0 / (SLOW + 1))
        return behind_slow - behind_fast if at >= SLOW else nan

    return step


FEATURE = Feature(
    "ad_oscillator",
    "volume",
    SLOW - 1,
    batch,
    stream,
    {"fast": FAST, "slow": SLOW},
    scale_free=False,
    settling=settling_of(2.0 / (SLOW + 1)),
)
