"""APO 10/30: how far the fast exponential mean is above the slow one."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step, settling_of

FAST, SLOW = 10, 30


def batch(candles: Candles) -> Floats:
    return windows.exponential(candles.close, FAST) - windows.exponential(candles.close, SLOW)


def stream() -> Step:
    fast, slow = rolling.exponential(FAST), rolling.exponential(SLOW)
    return lambda candle: fast(candle.close) - slow(candle.close)


FEATURE = Feature(
    "apo",
    "momentum",
    SLOW - 1,
    batch,
    stream,
    {"fast": FAST, "slow": SLOW},
    scale_free=False,
    settling=settling_of(2.0 / (SLOW + 1)),
)
