"""Equity: what one position at a time would have come to, after costs, by different rules over the same tested rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.market.candles import Floats
from ml_service.domain.market.settlement import Side
from ml_service.domain.statistics.estimate import Estimate, clustered_mean
from ml_service.learning.walk import Stretch

DAY_MS = 86_400_000
PERCENT = 100.0

Sides = NDArray[np.int8]
"""1 to buy, −1 to sell, 0 to stand aside, for each row."""


@dataclass(frozen=True, slots=True)
class Equity:
    rule: str
    says: str
    points: tuple[tuple[int, float], ...]
    """After each trade: when it ended, and the sum of all returns so far in percent, the same stake in each."""
    trades: int
    a_trade: Estimate | None
    """Mean return in percent; the days are the independent pieces. None without any trade."""

    @property
    def total(self) -> float:
        return self.points[-1][1] if self.points else 0.0


def ahead_a_day(one: Equity, other: Equity) -> Estimate | None:
    """By how much the one gained more than the other, in percent of the stake a day, days without a trade included.
    None where neither traded."""
    ends = np.array([at for at, _ in (*one.points, *other.points)], np.int64) // DAY_MS
    if not ends.size:
        return None
    sums = np.zeros(int(ends.max() - ends.min()) + 1)
    for sign, curve in ((1.0, one), (-1.0, other)):
        if curve.points:
            days = np.array([at for at, _ in curve.points], np.int64) // DAY_MS - ends.min()
            np.add.at(sums, days, sign * np.diff([total for _, total in curve.points], prepend=0.0))
    return clustered_mean(sums, np.ones(sums.size))


def equities(stretches: Sequence[Stretch]) -> tuple[Equity, ...]:
    rules: Sequence[tuple[str, str, Callable[[Stretch], Sides]]] = (
        ("models", "the side whose calibrated chance makes it worth more than it costs; else none", by_models),
        ("always", "a purchase whenever none is open", always),
        ("base rate", "as the models, but with the chance that was usual before", by_base_rate),
        ("never", "no trade", never),
    )
    return tuple(equity(name, says, stretches, rule) for name, says, rule in rules)


def by_models(stretch: Stretch) -> Sides:
    return better(*(stretch.rule(side).expected(stretch.chances(side)) for side in SIDES))


def by_base_rate(stretch: Stretch) -> Sides:
    rates = (np.full(len(stretch.rows), stretch.rule(side).base_rate) for side in SIDES)
    return better(*(stretch.rule(side).expected(rate) for side, rate in zip(SIDES, rates, strict=True)))


SIDES: tuple[Side, Side] = ("BUY", "SELL")


def better(bought: Floats, sold: Floats) -> Sides:
    """The side that is expected to be worth more, if that is more than nothing."""
    sides = np.where(bought >= sold, 1, -1)
    return np.where(np.maximum(bought, sold) > 0.0, sides, 0).astype(np.int8)


def always(stretch: Stretch) -> Sides:
    return np.ones(len(stretch.rows), np.int8)


def never(stretch: Stretch) -> Sides:
    return np.zeros(len(stretch.rows), np.int8)


def equity(name: str, says: str, stretches: Sequence[Stretch], rule: Callable[[Stretch], Sides]) -> Equity:
    ends: list[int] = []
    returns: list[float] = []
    free_from = 0
    for stretch in stretches:
        rows, sides = stretch.rows, rule(stretch)
        net = np.where(sides > 0, rows.bought, rows.sold)
        for number in np.flatnonzero((sides != 0) & np.isfinite(net)).tolist():
            if rows.places[number] < free_from:
                continue
            free_from = int(rows.known_from[number])
            # It is known at that bar's close, and a bar is named by its open.
            ends.append(int(rows.opened_at_ms[min(free_from, rows.opened_at_ms.size - 1)]) + rows.bar_ms)
            returns.append(PERCENT * float(net[number]))
    sums = np.cumsum(returns).tolist() if returns else []
    return Equity(name, says, tuple(zip(ends, sums, strict=True)), len(returns), by_day(ends, returns))


def by_day(ends: Sequence[int], returns: Sequence[float]) -> Estimate | None:
    if not ends:
        return None
    days = np.unique(np.array(ends) // DAY_MS, return_inverse=True)[1]
    return clustered_mean(np.bincount(days, np.array(returns)).astype(np.float64), np.bincount(days).astype(np.float64))
