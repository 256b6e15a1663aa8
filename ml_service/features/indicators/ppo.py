"""PPO 12/26: how far the fast exponential mean is above the slow one, in percent of the slow one."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step, settling_of

FAST, SLOW = 12, 26


def batch(candles: Candles) -> Floats:
    fast, slow = windows.exponential(candles.close, FAST), windows.exponential(candles.close, SLOW)
    return 100.0 * (fast - slow) / slow


def stream() -> Step:
    fast, slow = rolling.exponential(FAST), rolling.exponential(SLOW)

    def step(candle: Candle) -> float:
        usual = slow(candle.close)
        return 100.0 * (fast(candle.close) - usual) / usual

    return step


FEATURE = Feature(
    "ppo", "momentum", SLOW - 1, batch, stream, {"fast": FAST, "slow": SLOW}, settling=settling_of(2.0 / (SLOW + 1))
)
