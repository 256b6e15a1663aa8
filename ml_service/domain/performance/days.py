"""Days: the summaries of a history by UTC day, of all trades or of each group of them."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from typing import TypeVar

from ml_service.domain.performance.summary import NO_TRADES, Summary, merged, summarised
from ml_service.domain.performance.trade import ClosedTrade

Key = TypeVar("Key", bound=Hashable)

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


def grouped(trades: Iterable[ClosedTrade], key: Callable[[ClosedTrade], Key]) -> dict[Key, tuple[Day, ...]]:
    """The days of each group by itself. Groups that took turns cannot be merged into the whole afterwards:
    streaks and drawdowns depend on the order of all trades, so the whole has summaries of its own."""
    groups: defaultdict[Key, list[ClosedTrade]] = defaultdict(list)
    for trade in trades:
        groups[key(trade)].append(trade)
    return {name: by_day(group) for name, group in groups.items()}


def total(days: Sequence[Day]) -> Summary:
    return reduce(merged, (day.summary for day in days), NO_TRADES)
