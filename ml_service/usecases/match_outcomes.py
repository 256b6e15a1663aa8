"""Look again for the decisions of outcomes that came before them, as happens while a journal waits to be drained."""

from collections.abc import Callable
from dataclasses import dataclass

from ml_service.domain.events import OutcomeMatched
from ml_service.domain.lessons import lesson_of
from ml_service.domain.outcomes import DAY_MS, Match, StoredOutcome, with_decision
from ml_service.domain.types import Decision
from ml_service.ports import Store

CURSOR = "match_outcomes"
AGE_MS_MAX = 7 * DAY_MS
ROWS_AT_ONCE = 200
BATCHES_MAX = 10


@dataclass(frozen=True, slots=True)
class Matched:
    looked_at: int = 0
    matched: int = 0


def match_outcomes(*, store: Store, now_ms: int, may_go_on: Callable[[], bool] = lambda: True) -> Matched:
    """Some batches of them; the next call goes on where this one stopped, and begins anew at the end."""
    with store.read() as reading:
        began = position = reading.cursor(CURSOR) or None
    total = Matched()
    for _ in range(BATCHES_MAX):
        if not may_go_on():
            break
        with store.read() as reading:
            page = reading.unmatched_outcomes(now_ms - AGE_MS_MAX, position, ROWS_AT_ONCE)
            candidates = [(stored, reading.decision_for(stored.outcome)) for stored in page.items]
        taken = sum(
            take(stored, *found, store=store, now_ms=now_ms) for stored, found in candidates if found is not None
        )
        total = Matched(total.looked_at + len(candidates), total.matched + taken)
        position = page.next_cursor
        if position is None:
            break
    if position != began:
        with store.begin() as tx:
            tx.save_cursor(CURSOR, position or "")
    return total


def take(stored: StoredOutcome, match: Match, decision: Decision, *, store: Store, now_ms: int) -> bool:
    """Whether it was still without a decision. One transaction each: nobody who reports waits for the whole batch."""
    outcome = stored.outcome
    with store.begin() as tx:
        current = tx.outcome_to_change(outcome.user_id, outcome.trade_id)
        if current is None or current.match != "none":
            return False
        tx.save_match(with_decision(current, match, decision.decision_id, lesson_of(decision)))
        tx.publish(OutcomeMatched(outcome.user_id, outcome.trade_id, decision.decision_id), now_ms)
        return True
