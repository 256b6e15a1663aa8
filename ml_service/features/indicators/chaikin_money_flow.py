"""CMF 20: volume signed by where each bar closed in its range, as a share of all volume."""

from ml_service.domain.market.candles import Candle, Candles, Floats
from ml_service.features import rolling, windows
from ml_service.features.indicators import money_flow
from ml_service.features.spec import Feature, Step

BARS = 20


def batch(candles: Candles) -> Floats:
    flow = windows.total(money_flow.flows(candles), BARS)
    return windows.share_of(flow, windows.total(candles.volume, BARS))


def stream() -> Step:
    flow, volume = rolling.total(BARS), rolling.total(BARS)

    def step(candle: Candle) -> float:
        part, whole = flow(money_flow.flow(candle)), volume(candle.volume)
        return rolling.ratio(part, whole)

    return step


FEATURE = Feature("chaikin_money_flow", "volume", BARS - 1, batch, stream, {"bars": BARS})
