"""Made-up candles: lively ones, and ones with everything that has gone wrong in real data."""

from dataclasses import replace
from functools import cache

import numpy as np

from ml_service.domain.market.candles import Candle, Candles, Floats, Moments, candles_of, joined

MINUTE_MS = 60_000
BEGAN_MS = 1_700_000_000_000 // MINUTE_MS * MINUTE_MS
PRICES = ("open", "high", "low", "close", "best_bid", "best_ask")
VOLUMES = ("volume", "taker_buy", "bid_top", "ask_top", "bid_ten", "ask_ten")


@cache
def all_series() -> dict[str, Candles]:
    return {
        "lively": lively(),
        "troubled": troubled(),
        "still": still(),
        "never traded": motionless(150),
        "tiny": scaled(troubled(), 2e-12, 1e9),
        "huge": scaled(troubled(), 1e6, 1e-6),
    }


@cache
def rows_of(name: str) -> tuple[Candle, ...]:
    return tuple(all_series()[name].rows())


def lively(bars: int = 600, seed: int = 1, *, step: float = 0.01, price: float = 60_000.0) -> Candles:
    """Every bar moves, trades and tells its book."""
    random = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(random.normal(0.0, step, bars)))
    return around(close, random, step=step)


def around(close: Floats, random: np.random.Generator, *, step: float) -> Candles:
    """Bars that end at these prices and begin where the last one ended."""
    bars = close.size
    opened = np.append(close[0], close[:-1])
    high = np.maximum(opened, close) * (1.0 + step * random.exponential(0.3, bars))
    low = np.minimum(opened, close) / (1.0 + step * random.exponential(0.3, bars))
    volume = random.lognormal(3.0, 1.0, bars)
    half_spread = close * random.uniform(1e-5, 1e-4, bars)
    bid_top, ask_top = random.exponential(1.0, (2, bars)) + 0.01
    return candles_of(
        minutes(bars),
        opened,
        high,
        low,
        close,
        volume,
        taker_buy=volume * random.uniform(0.1, 0.9, bars),
        best_bid=close - half_spread,
        best_ask=close + half_spread,
        bid_top=bid_top,
        ask_top=ask_top,
        bid_ten=bid_top + random.exponential(20.0, bars),
        ask_ten=ask_top + random.exponential(20.0, bars),
    )


def troubled() -> Candles:
    """Prices in cents that hardly move, bars left out, stretches without a trade, bars of 33 %, a book now and then."""
    random = np.random.default_rng(2)
    bars = 900
    moves = random.normal(0.0, 2e-5, bars)
    moves[[150, 420, 700]] = [0.33, -0.33, 0.4]
    untraded = random.uniform(size=bars) < 0.1
    untraded[500:530] = True
    moves[untraded] = 0.0
    close = np.round(60_000.0 * np.exp(np.cumsum(moves)), 2)
    candles = around(close, random, step=2e-5)
    volume = np.where(untraded, 0.0, np.round(candles.volume, 5))
    volume[600] = 1e9
    no_book = random.uniform(size=bars) < 0.3
    no_book[:40] = True
    quiet = {name: np.where(untraded, close, np.round(getattr(candles, name), 2)) for name in ("open", "high", "low")}
    book = {name: np.where(no_book, np.nan, getattr(candles, name)) for name in PRICES[4:] + VOLUMES[2:]}
    left_out = np.cumsum(np.where(random.uniform(size=bars) < 0.02, random.integers(1, 2_000, bars), 0))
    opened_at_ms = candles.opened_at_ms + left_out * MINUTE_MS
    taker_buy = np.where(untraded, 0.0, 0.4 * volume)
    return replace(candles, opened_at_ms=opened_at_ms, volume=volume, taker_buy=taker_buy, **quiet, **book)


def still() -> Candles:
    """Nothing at first; then moves, a crash, and long stretches at one price that does not fit a binary number."""
    random = np.random.default_rng(3)
    walk = 0.1 * np.exp(np.cumsum(random.normal(0.0, 0.02, 120)))
    closes = [
        np.full(50, 0.1),
        walk,
        np.full(500, walk[-1] * 0.67),
        np.full(60, 0.07),
        0.07 + 1e-8 * (np.arange(40) % 2),
    ]
    candles = around(np.concatenate(closes), random, step=0.01)
    flat = np.append(False, np.diff(candles.close) == 0.0)
    volume = np.where(flat, 0.0, candles.volume)
    volume[-100:] = 0.1
    quiet = {name: np.where(flat, candles.close, getattr(candles, name)) for name in ("open", "high", "low")}
    return replace(candles, volume=volume, taker_buy=np.minimum(candles.taker_buy, volume), **quiet)


def motionless(bars: int) -> Candles:
    price, nothing = np.full(bars, 0.1), np.zeros(bars)
    return candles_of(minutes(bars), price, price, price, price, nothing, bid_ten=nothing, ask_ten=nothing)


def fading(bars: int) -> Candles:
    """Great moves, and then as many bars with moves ten thousand times smaller."""
    loud = lively(200, seed=4, step=0.05)
    return joined([loud, lively(bars, seed=5, step=5e-6, price=float(loud.close[-1]))])


def scaled(candles: Candles, prices: float, volumes: float) -> Candles:
    return replace(
        candles,
        **{name: getattr(candles, name) * prices for name in PRICES},
        **{name: getattr(candles, name) * volumes for name in VOLUMES},
    )


def minutes(bars: int) -> Moments:
    return BEGAN_MS + MINUTE_MS * np.arange(bars, dtype=np.int64)
