"""ROC 10: the rate of change over ten bars, in percent."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

BARS = 10


def batch(candles: Candles) -> Floats:
    return 100.0 * (windows.share_of(candles.close, windows.lagged(candles.close, BARS)) - 1.0)


def stream() -> Step:
    before = rolling.lag(BARS)
    return lambda candle: 100.0 * (rolling.ratio(candle.close, before(candle.close)) - 1.0)


FEATURE = Feature("roc", "technical", BARS, batch, stream, {"bars": BARS})
