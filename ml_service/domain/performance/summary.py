"""Summary: trades in a row, reduced to what their performance can be told from, and mergeable.

Merging is associative with `NO_TRADES` as its neutral element, and it keeps order: the earlier one comes first.
So a day is summarised once, and a history of any length is a fold over its days.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ml_service.domain.performance.amounts import NO_AMOUNTS, Amounts, amounts_of
from ml_service.domain.performance.path import NO_PATH, Path, path_of
from ml_service.domain.performance.streaks import NO_STREAKS, Streaks, streaks_of
from ml_service.domain.performance.trade import ClosedTrade


@dataclass(frozen=True, slots=True)
class Summary:
    trades: int = 0
    quarantined: int = 0
    wins: int = 0
    losses: int = 0
    ties: int = 0
    first_ms: int | None = None
    """When the first one was opened, as far as known, else closed."""
    last_ms: int | None = None
    pnl: Amounts = NO_AMOUNTS
    percent: Amounts = NO_AMOUNTS
    r: Amounts = NO_AMOUNTS
    growth: float = 1.0
    """What one unit became when it went whole into each trade, one after the other."""
    path: Path = NO_PATH
    """Of profit in quote currency, trade by trade."""
    streaks: Streaks = NO_STREAKS
    held_known: int = 0
    held_ms: int = 0
    notional_ms: float = 0.0
    """Notional times time held, added up."""


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
    held = [trade.held_ms for trade in trades if trade.held_ms is not None]
    return Summary(
        trades=len(trades),
        quarantined=sum(trade.quarantined for trade in trades),
        wins=wins,
        losses=losses,
        ties=len(results) - wins - losses,
        first_ms=min(trade.at_ms - (trade.held_ms or 0) for trade in trades),
        last_ms=trades[-1].at_ms,
        pnl=amounts_of(pnl),
        percent=amounts_of(percent),
        r=amounts_of([trade.r for trade in trades if trade.r is not None]),
        # A loss of more than everything leaves nothing; it does not turn into a debt that a later loss makes good.
        growth=math.prod([max(0.0, 1.0 + value / 100.0) for value in percent]),
        path=path_of(pnl),
        streaks=streaks_of(results),
        held_known=len(held),
        held_ms=sum(held),
        notional_ms=sum(
            trade.notional * trade.held_ms
            for trade in trades
            if trade.notional is not None and trade.held_ms is not None
        ),
    )


def merged(before: Summary, after: Summary) -> Summary:
    if not before.trades or not after.trades:
        return before if before.trades else after
    assert before.first_ms is not None
    assert after.first_ms is not None
    return Summary(
        trades=before.trades + after.trades,
        quarantined=before.quarantined + after.quarantined,
        wins=before.wins + after.wins,
        losses=before.losses + after.losses,
        ties=before.ties + after.ties,
        first_ms=min(before.first_ms, after.first_ms),
        last_ms=after.last_ms,
        pnl=before.pnl.plus(after.pnl),
        percent=before.percent.plus(after.percent),
        r=before.r.plus(after.r),
        growth=before.growth * after.growth,
        path=before.path.then(after.path),
        streaks=before.streaks.then(after.streaks),
        held_known=before.held_known + after.held_known,
        held_ms=before.held_ms + after.held_ms,
        notional_ms=before.notional_ms + after.notional_ms,
    )


def added(before: Summary, trade: ClosedTrade) -> Summary:
    return merged(before, summarised((trade,)))
