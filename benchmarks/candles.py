"""The learner on hourly candles: signals from indicators, results from what the price did in the next twelve hours.

A file is `…_1h.parquet` with the columns ts (milliseconds, the opening), close and volume. pyarrow reads it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.lives import drawdown, sharpe
from benchmarks.measuring import table
from benchmarks.worlds import Feature, Matrix, Vector
from ml_service.domain.adaptation import anchored

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
HORIZON = 12
COST_A_SIDE = 0.0004 + 0.0002
"""Fee and slippage, as a share of the price."""
VOLATILITY_HOURS = 720
WARM_UP = 90 * 24
"""The spreads and the defaults are those of the first hours, which are not traded."""
PASSED_BY_DEFAULT = 0.82
REACH_SPREADS = 3.0
BLOCK_DAYS = 10
RESAMPLES = 2_000
NAMES = ("confidence", "rsi", "macd", "ma_crossover", "volume", "momentum")
HEAD = (
    "candles",
    "days",
    "trades a day",
    "Sharpe",
    "drawdown, R",
    "over never",
    "over static",
    "over always",
    "over static, that is",
)
"""Comparisons are in R a year, with their intervals; over never is what the learner earned."""


@dataclass(frozen=True, slots=True)
class Signals:
    """One per hour, in the direction of the slower trend."""

    decided_ms: NDArray[np.int64]
    values: Matrix
    results: Vector
    """In R: per usual move of twelve hours, net of costs. NaN where a candle is missing."""


def told(folder: str, say: Callable[[str], None]) -> str:
    rows = []
    for path in sorted(Path(folder).glob("*_1h.parquet")):
        found = read(path)
        if found is None:
            say(f"{path.name}: no volume, left out")
            continue
        say(f"{path.name}: {len(found[0])} candles")
        rows.append([path.stem, *row(signals(*found))])
    return table(HEAD, rows)


def read(path: Path) -> tuple[NDArray[np.int64], Vector, Vector] | None:
    from pyarrow import parquet

    columns = parquet.read_table(path)
    if "volume" not in columns.column_names:
        return None
    return columns["ts"].to_numpy(), columns["close"].to_numpy(), columns["volume"].to_numpy()


def signals(ts: NDArray[np.int64], close: Vector, volume: Vector) -> Signals:
    """Everything a signal carries is known when its candle closes."""
    crossover = average(close, 10) / average(close, 30) - 1.0
    side = np.where(crossover >= 0.0, 1.0, -1.0)
    fast_over_slow = exponential(close, 2 / 13) - exponential(close, 2 / 27)
    macd = 100.0 * (fast_over_slow - exponential(fast_over_slow, 2 / 10)) / close
    momentum = 100.0 * (close / before(close, 10) - 1.0)
    traded = np.log10(np.maximum(24.0 * average(close * volume, 24), 1.0))
    risk = deviation(close / before(close, HORIZON) - 1.0, VOLATILITY_HOURS)
    strength = momentum / 100.0 / risk
    rsi = relative_strength(close)
    columns = [
        0.5 + 0.5 * np.tanh(0.5 * side * strength),
        np.where(side > 0.0, rsi, 100.0 - rsi),
        side * macd,
        side * crossover,
        traded,
        side * momentum,
    ]
    gone = np.append(close[HORIZON:], np.full(HORIZON, np.nan)) / close - 1.0
    unbroken = np.append(ts[HORIZON:] - ts[:-HORIZON] == HORIZON * HOUR_MS, np.zeros(HORIZON, dtype=np.bool_))
    results = np.where(unbroken, (side * gone - 2.0 * COST_A_SIDE) / risk, np.nan)
    return Signals(ts + HOUR_MS, np.column_stack(columns), results)


def row(found: Signals) -> list[str]:
    days = years_of(found)
    learner, static, always, trades = days.T
    return [
        str(len(days)),
        f"{trades.mean():.1f}",
        f"{sharpe(learner):.1f}",
        f"{drawdown(learner):.0f}",
        ranged(learner),
        ranged(learner - static),
        ranged(learner - always),
        verdict(learner - static),
    ]


def years_of(found: Signals) -> Matrix:
    """Per day: results of the learner, of the defaults and of taking everything, and how often the learner traded."""
    first = VOLATILITY_HOURS + HORIZON + WARM_UP
    features = [feature(name, column) for name, column in zip(NAMES, found.values[:first].T, strict=True)]
    defaults = np.array([one.default * one.sense for one in features])
    senses = np.array([one.sense for one in features])
    learner = anchored(features, seed=1)
    judged = np.flatnonzero((np.arange(len(found.results)) >= first) & np.isfinite(found.values).all(axis=1))
    day_of = found.decided_ms // DAY_MS
    known_on = (found.decided_ms + HORIZON * HOUR_MS) // DAY_MS
    accepted = np.zeros(len(day_of), dtype=np.bool_)
    rows = []
    for day in np.unique(day_of[judged]).tolist():
        today = judged[day_of[judged] == day]
        accepted[today] = learner.decide(found.values[today])[0]
        static = (found.values[today] * senses >= defaults).all(axis=1)
        results = np.nan_to_num(found.results[today])
        rows.append(
            [results[accepted[today]].sum(), results[static].sum(), results.sum(), float(accepted[today].sum())]
        )
        # What was decided in the last twelve hours is still open tonight.
        closed = judged[known_on[judged] == day]
        closed = closed[day_of[closed] <= day]
        learner.observe(found.values[closed], accepted[closed], np.ones(len(closed)), found.results[closed])
        learner.adapt(day)
    return np.array(rows)


def feature(name: str, column: Vector) -> Feature:
    """Its default lets most of what came in the first months through, whatever the symbol."""
    known = column[np.isfinite(column)]
    sense = -1 if name == "rsi" else 1
    default = float(np.quantile(known, 1.0 - PASSED_BY_DEFAULT if sense > 0 else PASSED_BY_DEFAULT))
    spread = float(np.subtract(*np.quantile(known, (0.75, 0.25)))) / 1.35
    return Feature(name, sense, default, default - REACH_SPREADS * spread, default + REACH_SPREADS * spread, spread)


def ranged(days: Vector) -> str:
    low, high = interval(days)
    return f"{365.0 * days.mean():+.0f} ({low:+.0f} to {high:+.0f})"


def verdict(days: Vector) -> str:
    low, high = interval(days)
    return "a benefit" if low > 0.0 else "a loss" if high < 0.0 else "no evidence of benefit"


def interval(days: Vector) -> tuple[float, float]:
    """R a year, by bootstrap over blocks of days: what overlaps stays together."""
    random = np.random.default_rng(0)
    blocks = -(-len(days) // BLOCK_DAYS)
    starts = random.integers(0, len(days), (RESAMPLES, blocks))
    places = (starts[:, :, None] + np.arange(BLOCK_DAYS)).reshape(RESAMPLES, -1)[:, : len(days)] % len(days)
    low, high = np.quantile(365.0 * days[places].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def before(values: Vector, hours: int) -> Vector:
    return np.append(np.full(hours, np.nan), values[:-hours])


def average(values: Vector, hours: int) -> Vector:
    sums = np.cumsum(np.append(0.0, values))
    return np.append(np.full(hours - 1, np.nan), (sums[hours:] - sums[:-hours]) / hours)


def deviation(values: Vector, hours: int) -> Vector:
    known = np.nan_to_num(values)
    found = np.sqrt(np.maximum(average(known**2, hours) - average(known, hours) ** 2, 1e-12))
    found[: hours + HORIZON] = np.nan
    return found


def exponential(values: Vector, share: float) -> Vector:
    found = np.empty_like(values)
    last = float(values[0])
    for place, value in enumerate(values.tolist()):
        last += share * (value - last)
        found[place] = last
    return found


def relative_strength(close: Vector) -> Vector:
    """Wilder's RSI over 14 candles."""
    changes = np.diff(close, prepend=close[0])
    up, down = exponential(np.maximum(changes, 0.0), 1 / 14), exponential(np.maximum(-changes, 0.0), 1 / 14)
    return np.where(down > 0.0, 100.0 - 100.0 / (1.0 + up / np.maximum(down, 1e-12)), 100.0)
