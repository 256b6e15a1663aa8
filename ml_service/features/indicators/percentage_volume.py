"""PVO 12/26: how far the fast exponential mean of the volume is above the slow one, in percent."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step, settling_of

FAST, SLOW = 12, 26


def batch(candles: Candles) -> Floats:
    fast, slow = windows.exponential(candles.volume, FAST), windows.exponential(candles.volume, SLOW)
    return 100.0 * windows.share_of(fast - slow, slow)


def stream() -> Step:
    fast, slow = rolling.exponential(FAST), rolling.exponential(SLOW)

    def step(candle: Candle) -> float:
        usual = slow(candle.volume)
        return 100.0 * rolling.ratio(fast(candle.volume) - usual, usual)

    return step


FEATURE = Feature(
    "percentage_volume",
    "volume",
    SLOW - 1,
    batch,
    stream,
    {"fast": FAST, "slow": SLOW},
    settling=settling_of(2.0 / (SLOW + 1)),
)
