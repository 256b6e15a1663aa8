"""Candles for tests: made up, but as real ones are."""

import numpy as np

from ml_service.domain.market.candles import Candles, Stream, candles_of

HOUR_MS = 3_600_000
FIRST_MS = 1_700_000_000_000 // HOUR_MS * HOUR_MS
BTC = Stream("binance", "BTCUSDT", "1h")


def walk(bars: int, seed: int = 0, first_ms: int = FIRST_MS, length_ms: int = HOUR_MS) -> Candles:
    """A random walk of prices near 30,000."""
    random = np.random.default_rng(seed)
    close = 30_000.0 * np.exp(np.cumsum(random.normal(0.0, 0.005, bars)))
    opened = np.concatenate(([30_000.0], close[:-1]))
    return candles_of(
        first_ms + length_ms * np.arange(bars),
        opened,
        np.maximum(opened, close) * (1.0 + random.uniform(0.0, 0.003, bars)),
        np.minimum(opened, close) * (1.0 - random.uniform(0.0, 0.003, bars)),
        close,
        random.gamma(2.0, 100.0, bars),
    )


def changed(candles: Candles, at: int, **values: float) -> Candles:
    """The same candles, with one of them told otherwise."""
    columns = {name: np.array(getattr(candles, name)) for name in candles.__slots__}
    for name, value in values.items():
        columns[name][at] = value
    return Candles(**columns)


def rows(candles: Candles) -> list[tuple[float | None, ...]]:
    """To compare: NaN equals nothing, None itself."""
    return [tuple(None if value != value else value for value in candle) for candle in candles.rows()]
