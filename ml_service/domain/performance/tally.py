"""A tally: what outcomes come to: trades taken, signals rejected, and how many reports were corrected."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ml_service.domain.performance.days import BREAKDOWNS, Day
from ml_service.domain.performance.summary import NO_TRADES, Summary, summarised
from ml_service.domain.performance.trade import ClosedTrade


class Counted(NamedTuple):
    """A stored outcome, as it is tallied."""

    trade: ClosedTrade
    accepted: bool = True
    """False for what was marked to market."""
    was_taken: bool = False
    """By the gate, where it was marked to market because nobody told what became of it: it is nobody's trade, and says
    nothing of what was rejected."""
    superseded: bool = False
    """Another report counts in its place."""


class Tally(NamedTuple):
    taken: Summary = NO_TRADES
    rejected: Summary = NO_TRADES
    corrected: int = 0


@dataclass(frozen=True, slots=True)
class Cut:
    """One way to look at a history."""

    symbol: str | None = None
    """None: every symbol."""
    by: str | None = None
    """What it is broken down by; None: one group for all, named None."""


Group = Hashable
Tallies = Mapping[Group, Tally]
Sheet = Mapping[Cut, Tallies]
"""Everything there is to keep of a day."""


@dataclass(frozen=True, slots=True)
class History:
    """The days of one group, in order; only days that had such trades."""

    taken: tuple[Day, ...] = ()
    rejected: tuple[Day, ...] = ()
    corrected: int = 0

    @property
    def counterfactual(self) -> int:
        return sum(day.summary.trades for day in self.rejected)


def sheet_of(outcomes: Sequence[Counted]) -> Sheet:
    """Of one day's outcomes, ordered by time: every cut of it."""
    symbols = defaultdict(list)
    for one in outcomes:
        symbols[one.trade.symbol].append(one)
    whole = cuts_of(None, outcomes)
    sheet: dict[Cut, Tallies] = {**whole, Cut(by="symbol"): {symbol: tallied(own) for symbol, own in symbols.items()}}
    for symbol, own in symbols.items():
        # On a day with one symbol, it is the whole; not worked out twice.
        of_symbol = cuts_of(symbol, own) if len(symbols) > 1 else {Cut(symbol, cut.by): whole[cut] for cut in whole}
        sheet.update(of_symbol)
    return sheet


def cuts_of(symbol: str | None, outcomes: Sequence[Counted]) -> dict[Cut, Tallies]:
    whole = tallied(outcomes)
    cuts: dict[Cut, Tallies] = {Cut(symbol): {None: whole}}
    for by, key in BREAKDOWNS.items():
        if by == "symbol":
            continue
        groups = defaultdict(list)
        for one in outcomes:
            groups[key(one.trade)].append(one)
        # Most days have one revision, and many have one regime: then the group is the whole.
        cuts[Cut(symbol, by)] = {group: whole if len(groups) == 1 else tallied(own) for group, own in groups.items()}
    return cuts


def tallied(outcomes: Sequence[Counted]) -> Tally:
    current = [one for one in outcomes if not one.superseded]
    return Tally(
        taken=summarised([one.trade for one in current if one.accepted]),
        rejected=summarised([one.trade for one in current if not one.accepted and not one.was_taken]),
        corrected=len(outcomes) - len(current),
    )


def histories_of(days: Iterable[tuple[int, Tallies]]) -> dict[Group, History]:
    """Of days in order, group by group."""
    groups: defaultdict[Group, list[tuple[int, Tally]]] = defaultdict(list)
    for number, tallies in days:
        for group, tally in tallies.items():
            groups[group].append((number, tally))
    return {group: history_of(tallies) for group, tallies in groups.items()}


def history_of(days: Sequence[tuple[int, Tally]]) -> History:
    return History(
        taken=tuple(Day(number, tally.taken) for number, tally in days if tally.taken.trades),
        rejected=tuple(Day(number, tally.rejected) for number, tally in days if tally.rejected.trades),
        corrected=sum(tally.corrected for _, tally in days),
    )
