"""Daily: the few columns of numbers by day that ratios and intervals are worked out from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.performance.amounts import Amounts
from ml_service.domain.performance.days import Day
from ml_service.domain.performance.returns import Returns
from ml_service.domain.performance.summary import Summary
from ml_service.domain.performance.trade import ClosedTrade

Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Totals:
    """In one unit, of each day."""

    sums: Column
    counts: Column
    """Of trades whose result is known in it."""


@dataclass(frozen=True, slots=True)
class Daily:
    """One entry for each day that had trades, in order."""

    numbers: NDArray[np.int64]
    pnl: Totals
    percent: Totals
    r: Totals
    growth: Column
    """What one unit became on that day alone."""

    def returns(self) -> Returns:
        """One for every day of the calendar between the first and the last that a percent is known of.

        Compounded within the day; a day without trades returned 0.
        """
        known = self.percent.counts > 0
        returns = laid_out(self.numbers[known], self.growth[known] - 1.0)
        # A day that grew out of the range of a number says nothing about the others either.
        return returns if np.isfinite(returns).all() else np.empty(0)


def daily_of_days(days: Sequence[Day]) -> Daily:
    def totals(unit: Callable[[Summary], Amounts]) -> Totals:
        amounts = [unit(day.summary) for day in days]
        return Totals(column(one.total for one in amounts), column(one.known for one in amounts))

    return Daily(
        numbers=np.array([day.number for day in days], dtype=np.int64),
        pnl=totals(lambda summary: summary.pnl),
        percent=totals(lambda summary: summary.percent),
        r=totals(lambda summary: summary.r),
        growth=column(day.summary.growth for day in days),
    )


def daily_of_trades(trades: Sequence[ClosedTrade]) -> Daily:
    """The same without a summary for each day, which pays off where a day has few trades."""
    numbers, places = np.unique(np.array([trade.day for trade in trades], dtype=np.int64), return_inverse=True)

    def totals(values: Column) -> Totals:
        known = ~np.isnan(values)
        at = places[known]
        sums = np.bincount(at, weights=values[known], minlength=numbers.size)
        counts = np.bincount(at, minlength=numbers.size)
        return Totals(sums.astype(np.float64), counts.astype(np.float64))

    percent = column(trade.pnl_percent for trade in trades)
    growth = np.ones(numbers.size)
    np.multiply.at(growth, places, np.where(np.isnan(percent), 1.0, np.maximum(0.0, 1.0 + percent / 100.0)))
    return Daily(
        numbers=numbers,
        pnl=totals(column(trade.pnl for trade in trades)),
        percent=totals(percent),
        r=totals(column(trade.r for trade in trades)),
        growth=growth,
    )


def column(values: Iterable[float | None]) -> Column:
    """NaN stands for what is not known."""
    return np.array(list(values), dtype=np.float64)


def laid_out(numbers: NDArray[np.int64], values: Column) -> Column:
    """Over every day of the calendar from the first to the last."""
    if not numbers.size:
        return np.empty(0)
    line = np.zeros(int(numbers[-1] - numbers[0]) + 1)
    line[numbers - numbers[0]] = values
    return line
