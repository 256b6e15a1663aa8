"""Run thresholds of the caller's choice over past signals and tell what they would have changed."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_service.domain.thresholds import set_values
from ml_service.domain.types import ANY_SYMBOL
from ml_service.domain.view import View
from ml_service.domain.what_if import Choice, Comparison, Flips, compare, flips
from ml_service.ports import Period, Store


@dataclass(frozen=True, slots=True)
class Imagined:
    choice: Choice
    """Of the symbol that was asked for, else of all symbols that have no thresholds of their own."""
    comparison: Comparison
    complete: bool
    """Whether the limit left none out."""
    without_outcome: int
    without_outcome_complete: bool
    flips: Flips
    """Of those without an outcome."""


def what_if(
    user_id: str,
    symbol: str | None,
    wanted: Mapping[str, float],
    *,
    since_ms: int,
    until_ms: int | None,
    limit: int,
    view: View,
    store: Store,
) -> Imagined:
    def choice(of: str) -> Choice:
        now = view.thresholds_for(user_id, of).values
        return Choice(now, set_values(now, wanted, view.policy))

    shown = choice(symbol or ANY_SYMBOL)
    period = Period(symbol, since_ms, until_ms)
    with store.read() as reading:
        # One more than asked for says whether there are more.
        known = reading.known_results(user_id, period, limit + 1)
        waiting = reading.open_signals(user_id, period, limit + 1)
    symbols = {one.stored.outcome.symbol for one in known} | {one.symbol for one in waiting}
    choices = {name: choice(name) for name in symbols}
    return Imagined(
        choice=shown,
        comparison=compare(known[:limit], choices, view.policy),
        complete=len(known) <= limit,
        without_outcome=len(waiting[:limit]),
        without_outcome_complete=len(waiting) <= limit,
        flips=flips(waiting[:limit], choices, view.policy),
    )
