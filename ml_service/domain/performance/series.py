"""Series: the equity curve, and figures over a window that rolls along it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ml_service.domain.performance.daily import Column, column, daily_of_days, laid_out
from ml_service.domain.performance.days import Day
from ml_service.domain.performance.equity import log_equity, under_water
from ml_service.domain.performance.returns import YEAR_DAYS, finite


@dataclass(frozen=True, slots=True)
class EquityPoint:
    day: int
    pnl: float | None
    """Cumulated, quote currency."""
    equity: float | None
    """What one unit became that went whole into each trade."""
    drawdown_percent: float
    """Below the highest point before; positive."""


def equity_curve(days: Sequence[Day]) -> tuple[EquityPoint, ...]:
    """A point for each day with a known return; between them equity stands still."""
    known = [day for day in days if day.summary.percent.known]
    daily = daily_of_days(days).returns()
    if not daily.size:
        return ()
    at = [day.number - known[0].number for day in known]
    logarithms = log_equity(daily)[at]
    drawdowns = under_water(daily)[at]
    pnl = dict(zip((day.number for day in days), accumulate(day.summary.pnl.total for day in days), strict=True))
    profit_known = any(day.summary.pnl.known for day in days)
    return tuple(
        EquityPoint(
            day.number,
            finite(pnl[day.number]) if profit_known else None,
            math.exp(logarithm) if logarithm < 700.0 else None,
            100.0 * drawdown,
        )
        for day, logarithm, drawdown in zip(known, logarithms.tolist(), drawdowns.tolist(), strict=True)
    )


@dataclass(frozen=True, slots=True)
class RollingPoint:
    day: int
    """The last one of the window."""
    return_percent: float | None
    """The same stake in every trade."""
    win_rate: float | None
    sharpe_ratio: float | None


@np.errstate(all="ignore")  # what is out of range is None in the answer
def rolling(days: Sequence[Day], window_days: int, year_days: int = YEAR_DAYS) -> tuple[RollingPoint, ...]:
    """A point for every day of the calendar that a whole window ends on; none while there is not one."""
    assert window_days >= 2
    known = [day for day in days if day.summary.percent.known]
    columns = daily_of_days(known)
    daily = columns.returns()
    if daily.size < window_days:
        return ()

    def summed(values: Column) -> Column:
        sums: Column = sliding_window_view(laid_out(columns.numbers, values), window_days).sum(axis=1)
        return sums

    gains = summed(columns.percent.sums)
    wins = summed(column(day.summary.wins for day in known))
    counts = summed(column(decided(day) for day in known))
    windows = sliding_window_view(daily, window_days)
    means = windows.mean(axis=1)
    deviations = np.where(np.ptp(windows, axis=1) > 0.0, windows.std(axis=1, ddof=1), np.nan)
    sharpe = means / deviations * math.sqrt(year_days)
    first = known[0].number + window_days - 1
    return tuple(
        RollingPoint(first + index, finite(gain), won / count if count else None, finite(ratio))
        for index, (gain, won, count, ratio) in enumerate(
            zip(gains.tolist(), wins.tolist(), counts.tolist(), sharpe.tolist(), strict=True)
        )
    )


def decided(day: Day) -> int:
    return day.summary.wins + day.summary.losses + day.summary.ties
