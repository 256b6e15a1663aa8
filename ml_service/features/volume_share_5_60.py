"""Volume share: how much of the volume of 60 bars came in the last 5."""

from ml_service.domain.market.candles import Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.spec import Feature, Step

LAST = 5
BARS = 60


def batch(candles: Candles) -> Floats:
    return windows.share_of(windows.total(candles.volume, LAST), windows.total(candles.volume, BARS))


def stream() -> Step:
    last, whole = rolling.total(LAST), rolling.total(BARS)
    return lambda candle: rolling.ratio(last(candle.volume), whole(candle.volume))


FEATURE = Feature("volume_share_5_60", "volume", BARS - 1, batch, stream, {"last": LAST, "bars": BARS})
