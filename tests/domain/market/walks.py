"""Made-up markets."""

from dataclasses import replace
from typing import Any

import numpy as np

from ml_service.domain.market.candles import Candles, Floats, candles_of

HOUR_MS = 3_600_000
STEPS = 8
"""Trades within a bar, which make its high and low."""

SWING = 100.0 * np.exp(0.01 * np.sin(np.arange(900) * 2.0 * np.pi / 12.0))
"""Prices that swing around one, for ever."""


def walk(bars: int, seed: int = 0, pace: float | Floats = 0.002, drift: float | Floats = 0.0) -> Candles:
    """A random walk; pace and drift are per trade, and may change from bar to bar."""
    random = np.random.default_rng(seed)
    pace, drift = np.broadcast_to(pace, bars), np.broadcast_to(drift, bars)
    moves = random.standard_normal((bars, STEPS)) * pace[:, None] + drift[:, None]
    closes = np.cumsum(moves.sum(axis=1))
    opens = np.concatenate(([0.0], closes[:-1]))[:, None]
    return bars_of(100.0 * np.exp(np.hstack((opens, opens + np.cumsum(moves, axis=1)))), random)


def bars_of(prices: Floats, random: np.random.Generator) -> Candles:
    """A row of prices for each bar."""
    return candles_of(
        1_700_000_000_000 // HOUR_MS * HOUR_MS + HOUR_MS * np.arange(len(prices)),
        prices[:, 0].copy(),
        prices.max(axis=1),
        prices.min(axis=1),
        prices[:, -1].copy(),
        random.uniform(1.0, 9.0, len(prices)),
    )


def moody(bars: int, seed: int = 0) -> Candles:
    """Its pace and its drift change every thirty bars or so."""
    random = np.random.default_rng(seed)
    moods = bars // 30 + 1
    pace = np.repeat(0.002 * np.exp(0.5 * random.standard_normal(moods)), 30)[:bars]
    drift = np.repeat(random.choice([0.0, 0.0, 0.0006, -0.0006], moods), 30)[:bars]
    return walk(bars, seed + 1, pace, drift)


def with_bar(candles: Candles, place: int, **values: float) -> Candles:
    """The same but for one bar."""
    columns: dict[str, Any] = {}
    for name, value in values.items():
        columns[name] = getattr(candles, name).copy()
        columns[name][place] = value
    return replace(candles, **columns)


def with_prices(close: Floats) -> Candles:
    """Each bar goes straight from the close before it to its own."""
    flat = walk(close.size)
    before = np.concatenate((close[:1], close[:-1]))
    return replace(flat, open=before, high=np.maximum(before, close), low=np.minimum(before, close), close=close)
