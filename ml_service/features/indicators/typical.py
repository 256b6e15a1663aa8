"""The typical price of a bar."""

from ml_service.domain.market.candles import Candle, Candles, Floats


def prices(candles: Candles) -> Floats:
    return (candles.high + candles.low + candles.close) / 3.0


def price(candle: Candle) -> float:
    return (candle.high + candle.low + candle.close) / 3.0
