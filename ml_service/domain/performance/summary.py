"""Summary: trades in a row, reduced to what their performance can be told from, and mergeable.

Merging is associative with `NO_TRADES` as its neutral element, and it keeps order: the earlier one comes first.
So a day is summarised once, and a history of any length is a fold over its days.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from ml_service.domain.performance.amounts import NO_AMOUNTS, Amounts, amounts_of
from ml_service.domain.performance.holding import NO_HOLDING, Holding, holding_of
from ml_service.domain.performance.path import NO_PATH, Path, path_of
from ml_service.domain.performance.streaks import NO_STREAKS, Streaks, streaks_of
from ml_service.domain.performance.trade import ClosedTrade


class Summary(NamedTuple):
    trades: int = 0
    quarantined: int = 0
    wins: int = 0
    losses: int = 0
    ties: int = 0
    pnl: Amounts = NO_AMOUNTS
    percent: Amounts = NO_AMOUNTS
    r: Amounts = NO_AMOUNTS
    growth: float = 1.0
    """What one unit became when it went whole into each trade, one after the other."""
    path: Path = NO_PATH
    """Of profit in quote currency, trade by trade."""
    streaks: Streaks = NO_STREAKS
    holding: Holding = NO_HOLDING


NO_TRADES = Summary()


def summarised(trades: Sequence[ClosedTrade]) -> Summary:
    """Of trades ordered by time."""
    if not trades:
        return NO_TRADES
    results = [result for trade in trades if (result := trade.result) is not None]
    wins = sum(result > 0.0 for result in results)
    losses = sum(result < 0.0 for result in results)
    pnl = [trade.pnl for trade in trades if trade.pnl is not None]
    percent = [trade.pnl_percent for trade in trades if trade.pnl_percent is not None]
    return Summary(
        trades=len(trades),
        quarantined=sum(trade.quarantined for trade in trades),
        wins=wins,
        losses=losses,
        ties=len(results) - wins - losses,
        pnl=amounts_of(pnl),
        percent=amounts_of(percent),
        r=amounts_of([trade.r for trade in trades if trade.r is not None]),
        # A loss of more than everything leaves nothing; it does not turn into a debt that a later loss makes good.
        growth=math.prod([max(0.0, 1.0 + value / 100.0) for value in percent]),
        path=path_of(pnl),
        streaks=streaks_of(results),
        holding=holding_of(trades),
    )


def merged(before: Summary, after: Summary) -> Summary:
    if not before.trades or not after.trades:
        return before if before.trades else after
    return Summary(
        trades=before.trades + after.trades,
        quarantined=before.quarantined + after.quarantined,
        wins=before.wins + after.wins,
        losses=before.losses + after.losses,
        ties=before.ties + after.ties,
        pnl=before.pnl.plus(after.pnl),
        percent=before.percent.plus(after.percent),
        r=before.r.plus(after.r),
        growth=before.growth * after.growth,
        path=before.path.then(after.path),
        streaks=before.streaks.then(after.streaks),
        holding=before.holding.plus(after.holding),
    )


def added(before: Summary, trade: ClosedTrade) -> Summary:
    return merged(before, summarised((trade,)))
