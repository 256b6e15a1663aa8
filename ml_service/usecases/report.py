"""Gather what a report tells: read in portions, then handed to the rules."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ml_service.domain.adaptation import AdaptationPolicy
from ml_service.domain.outcomes import OutcomeWithMarks, StoredOutcome
from ml_service.domain.performance.performance import performance_of_trades
from ml_service.domain.performance.score import score
from ml_service.domain.performance.trade import ClosedTrade, closed_trade
from ml_service.domain.report.arms import KnownSignal, compared
from ml_service.domain.report.report import Report
from ml_service.domain.report.steps import lines
from ml_service.domain.thresholds import bounded
from ml_service.domain.types import ANY_SYMBOL, GatePolicy, Thresholds
from ml_service.domain.view import default_thresholds
from ml_service.ports import Period, Reading, Store, all_of

ROWS_AT_ONCE = 500
SCOPES_MAX = 6
"""More lines than that in one chart cannot be told apart."""
QUARANTINED_MAX = 50


@dataclass(frozen=True, slots=True)
class Rules:
    gate: GatePolicy
    adaptation: AdaptationPolicy
    settings_hash: str


def report(user_id: str, symbol: str | None, since_ms: int, until_ms: int, *, rules: Rules, store: Store) -> Report:
    """Outcomes count by the time of closing. `symbol` None is all of them."""
    outcomes = gathered(user_id, Period(symbol, since_ms, until_ms), store)
    with store.read() as reading:
        revisions = revisions_between(reading, user_id, symbol, since_ms, until_ms)
        scopes = scopes_of(symbol, revisions)
        shown = scopes[:SCOPES_MAX]
        before = {scope: thresholds_then(reading, user_id, scope, since_ms, rules) for scope in shown}
        frozen = {
            one: dict(thresholds_then(reading, user_id, one, since_ms, rules).values) for one in outcomes.symbols()
        }
        learners = tuple(learner for scope in shown if (learner := reading.learner(user_id, scope)).revision)
    adaptations = tuple(
        one
        for one in all_of(
            lambda reading, cursor: reading.adaptations_in_order(
                user_id, Period(None, since_ms, until_ms), cursor, ROWS_AT_ONCE
            ),
            store,
        )
        if symbol is None or one.symbol in (symbol, ANY_SYMBOL)
    )
    performance = performance_of_trades(outcomes.trades)
    return Report(
        user_id=user_id,
        symbol=symbol,
        since_ms=since_ms,
        until_ms=until_ms,
        lines=lines(before, revisions, adaptations, list(rules.gate), since_ms, until_ms),
        scopes_left_out=len(scopes) - len(shown),
        adaptations=adaptations,
        compared=compared(outcomes.signals, frozen.__getitem__, rules.gate),
        signals_known=len(outcomes.signals),
        signals_unknown=outcomes.unknown,
        performance=performance,
        score=score(performance, rules.adaptation.score_weights),
        quarantined=tuple(outcomes.quarantined),
        quarantined_count=outcomes.quarantined_count,
        learners=learners,
    )


# ---- outcomes


@dataclass(slots=True)
class Outcomes:
    """What the outcomes of the window come to, while they pass by."""

    signals: list[KnownSignal] = field(default_factory=list)
    trades: list[ClosedTrade] = field(default_factory=list)
    unknown: int = 0
    quarantined: list[StoredOutcome] = field(default_factory=list)
    quarantined_count: int = 0

    def symbols(self) -> set[str]:
        return {one.symbol for one in self.signals}


def gathered(user_id: str, period: Period, store: Store) -> Outcomes:
    found = Outcomes()
    for told in all_of(lambda reading, cursor: reading.outcomes_in_order(user_id, period, cursor, ROWS_AT_ONCE), store):
        stored = told.stored
        if stored.is_quarantined:
            found.quarantined_count += 1
            if len(found.quarantined) < QUARANTINED_MAX:
                found.quarantined.append(stored)
        if stored.superseded_by is not None:
            continue
        if stored.outcome.accepted:
            found.trades.append(closed_trade(stored, r=told.r))
        signal = known_signal(told)
        if signal is not None:
            found.signals.append(signal)
        elif not stored.is_quarantined:
            found.unknown += 1
    return found


def known_signal(told: OutcomeWithMarks) -> KnownSignal | None:
    stored, lesson, r = told.stored, told.stored.lesson, told.r
    if stored.is_quarantined or lesson is None or r is None:
        return None
    outcome = stored.outcome
    return KnownSignal(stored.effective_at_ms, outcome.symbol, lesson.values, lesson.taken, outcome.accepted, r)


# ---- thresholds


def revisions_between(
    reading: Reading, user_id: str, symbol: str | None, since_ms: int, until_ms: int
) -> list[Thresholds]:
    """Oldest first; a symbol follows its user's row for all symbols until it has moved by itself."""
    found: list[Thresholds] = []
    cursor = None
    while True:
        page = reading.thresholds_history(user_id, None, cursor, ROWS_AT_ONCE)
        found += [one for one in page.items if since_ms <= one.changed_at_ms < until_ms]
        cursor = page.next_cursor
        if cursor is None or page.items[-1].changed_at_ms < since_ms:
            break
    wanted = [one for one in found if symbol is None or one.symbol in (symbol, ANY_SYMBOL)]
    return sorted(wanted, key=lambda one: (one.changed_at_ms, one.symbol, one.revision))


def scopes_of(symbol: str | None, revisions: Sequence[Thresholds]) -> list[str]:
    """All symbols first, then those that moved most."""
    if symbol is not None:
        return list(dict.fromkeys((ANY_SYMBOL, symbol)))
    counts: dict[str, int] = {}
    for one in revisions:
        counts[one.symbol] = counts.get(one.symbol, 0) + 1
    counts.pop(ANY_SYMBOL, None)
    return [ANY_SYMBOL, *sorted(counts, key=lambda scope: (-counts[scope], scope))]


def thresholds_then(reading: Reading, user_id: str, symbol: str, at_ms: int, rules: Rules) -> Thresholds:
    for scope in dict.fromkeys((symbol, ANY_SYMBOL)):
        found = reading.thresholds_at(user_id, scope, at_ms)
        if found is not None:
            return replace(bounded(found, rules.gate), symbol=symbol)
    return replace(default_thresholds(user_id, rules.gate, rules.settings_hash), symbol=symbol)
