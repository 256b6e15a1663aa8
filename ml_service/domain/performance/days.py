"""Days: the summaries of a history by UTC day, and by what else it is broken down."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby

from ml_service.domain.performance.summary import NO_TRADES, Summary, merged, summarised
from ml_service.domain.performance.trade import ClosedTrade

UNKNOWN_REGIME = "unknown"
"""There were no candles when it was decided, or it belongs to no decision."""

BREAKDOWNS: Mapping[str, Callable[[ClosedTrade], Hashable]] = {
    "symbol": lambda trade: trade.symbol,
    "hour": lambda trade: trade.hour,
    "revision": lambda trade: (trade.thresholds_symbol, trade.revision),
    "regime": lambda trade: trade.regime or UNKNOWN_REGIME,
}


@dataclass(frozen=True, slots=True)
class Day:
    number: int
    """Days since 1970-01-01, UTC."""
    summary: Summary


def by_day(trades: Iterable[ClosedTrade]) -> tuple[Day, ...]:
    """Only days that had trades, in order. Trades of the same millisecond stay in the order given."""
    ordered = sorted(trades, key=lambda trade: trade.at_ms)
    return tuple(Day(number, summarised(tuple(day))) for number, day in groupby(ordered, lambda trade: trade.day))


def total(days: Sequence[Day]) -> Summary:
    return reduce(merged, (day.summary for day in days), NO_TRADES)
