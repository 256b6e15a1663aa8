"""Performance: everything there is to say about a history, told from the summaries of its days."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ml_service.domain.performance import returns
from ml_service.domain.performance.amounts import Amounts
from ml_service.domain.performance.daily import Daily, Totals, daily_of_days, daily_of_trades
from ml_service.domain.performance.days import Day, total
from ml_service.domain.performance.equity import Drawdown, drawdown
from ml_service.domain.performance.returns import YEAR_DAYS, finite
from ml_service.domain.performance.summary import Summary, summarised
from ml_service.domain.performance.trade import ClosedTrade
from ml_service.domain.statistics.estimate import Estimate, clustered_mean, share


@dataclass(frozen=True, slots=True)
class Results:
    """In one unit: quote currency, percent, or R. All but `known` are None where it is 0."""

    known: int
    total: float | None
    expectancy: Estimate | None
    average_win: float | None
    average_loss: float | None
    """Negative."""
    profit_factor: float | None
    """Gains over losses; None without a loss."""
    best: float | None
    worst: float | None


@dataclass(frozen=True, slots=True)
class Performance:
    """The README defines each figure. What is not known, or has nothing to be divided by, is None."""

    total_trades: int
    quarantined: int
    wins: int
    losses: int
    ties: int
    win_rate: Estimate | None
    pnl: Results
    percent: Results
    r: Results
    compounded_return_percent: float | None
    annual_return_percent: float | None
    volatility_percent: float | None
    sharpe_ratio: float | None
    sharpe_probability: float | None
    sortino_ratio: float | None
    calmar_ratio: float | None
    drawdown: Drawdown | None
    drawdown_pnl: float | None
    """The deepest fall of cumulated profit below its high, trade by trade, in quote currency; positive."""
    streak: int
    """The one it ends with: 3 for three wins in a row, -2 for two losses."""
    wins_streak_max: int
    losses_streak_max: int
    exposure: float | None
    """How many positions were open on average; with one at a time, the share of time in the market."""
    exposure_notional: float | None
    """How much quote currency was in the market on average."""
    days_traded: int
    days: int
    """Of the calendar, from the first to the last that a daily return is known of."""

    @property
    def total_pnl(self) -> float | None:
        return self.pnl.total

    @property
    def total_return_percent(self) -> float | None:
        """The same stake in every trade."""
        return self.percent.total


def performance(days: Sequence[Day], year_days: int = YEAR_DAYS) -> Performance:
    """Of days in order, each at most once."""
    assert all(before.number < after.number for before, after in pairwise(days))
    return told(total(days), daily_of_days(days), year_days)


def performance_of_trades(trades: Sequence[ClosedTrade], year_days: int = YEAR_DAYS) -> Performance:
    """Of trades ordered by time: the same figures as from their days."""
    assert all(before.at_ms <= after.at_ms for before, after in pairwise(trades))
    return told(summarised(trades), daily_of_trades(trades), year_days)


@np.errstate(all="ignore")  # what is out of range is None in the answer
def told(whole: Summary, daily: Daily, year_days: int) -> Performance:
    holding = whole.holding
    series = daily.returns()
    fall = drawdown(series)
    yearly = returns.annual_return(series, year_days)
    return Performance(
        total_trades=whole.trades,
        quarantined=whole.quarantined,
        wins=whole.wins,
        losses=whole.losses,
        ties=whole.ties,
        win_rate=share(whole.wins, whole.wins + whole.losses + whole.ties),
        pnl=results(whole.pnl, daily.pnl),
        percent=results(whole.percent, daily.percent),
        r=results(whole.r, daily.r),
        compounded_return_percent=percent(returns.compounded(series)),
        annual_return_percent=percent(yearly),
        volatility_percent=percent(returns.volatility(series, year_days)),
        sharpe_ratio=returns.sharpe_ratio(series, year_days),
        sharpe_probability=returns.sharpe_probability(series),
        sortino_ratio=returns.sortino_ratio(series, year_days),
        calmar_ratio=ratio(percent(yearly), fall.percent if fall else None),
        drawdown=fall,
        drawdown_pnl=finite(whole.path.drawdown) if whole.pnl.known else None,
        streak=whole.streaks.current,
        wins_streak_max=whole.streaks.wins_max,
        losses_streak_max=whole.streaks.losses_max,
        exposure=ratio(holding.held_ms, holding.last_ms - holding.first_ms),
        exposure_notional=ratio(holding.notional_ms or None, holding.last_ms - holding.first_ms),
        days_traded=daily.numbers.size,
        days=series.size,
    )


def results(sums: Amounts, daily: Totals) -> Results:
    if not sums.known:
        return Results(0, None, None, None, None, None, None, None)
    return Results(
        known=sums.known,
        total=finite(sums.total),
        expectancy=clustered_mean(daily.sums, daily.counts),
        average_win=ratio(sums.gain, sums.wins),
        average_loss=ratio(-sums.loss, sums.losses),
        profit_factor=ratio(sums.gain, sums.loss),
        best=sums.best,
        worst=sums.worst,
    )


def ratio(value: float | None, divisor: float | None) -> float | None:
    return finite(value / divisor) if value is not None and divisor else None


def percent(fraction: float | None) -> float | None:
    return None if fraction is None else finite(100.0 * fraction)
