"""Say which decision an outcome belongs to, where that could not be found out."""

from ml_service.domain.events import OutcomeMatched
from ml_service.domain.lessons import lesson_of
from ml_service.domain.outcomes import Outcome, StoredOutcome, with_decision
from ml_service.domain.types import Signal
from ml_service.errors import Conflict, NotFound
from ml_service.ports import Store


def declare_match(
    user_id: str, trade_id: str, decision_id: str, *, reason: str, actor: str, now_ms: int, store: Store
) -> StoredOutcome:
    """The outcome as it stands afterwards; saying the same again does no harm."""
    with store.begin() as tx:
        stored = tx.outcome_to_change(user_id, trade_id)
        if stored is None:
            raise NotFound(f"no outcome {trade_id!r} of this user")
        decision = tx.decision(user_id, decision_id)
        if decision is None:
            raise NotFound(f"no decision {decision_id!r} of this user")
        if stored.matched_decision_id == decision_id:
            return stored
        if stored.matched_decision_id is not None:
            raise Conflict(f"{trade_id!r} belongs to the decision {stored.matched_decision_id!r}", "match_conflict")
        if difference := mismatch(stored.outcome, decision.signal):
            raise Conflict(difference, "match_conflict")
        following = with_decision(stored, "declared", decision_id, lesson_of(decision))
        tx.save_match(following)
        tx.append_audit(
            now_ms, actor, "outcome.matched", f"{user_id}/{trade_id}", {"decision_id": decision_id, "reason": reason}
        )
        tx.publish(OutcomeMatched(user_id, trade_id, decision_id), now_ms)
        changed = tx.outcome(user_id, trade_id)
        assert changed is not None
        return changed


def mismatch(outcome: Outcome, signal: Signal) -> str | None:
    """Why the two cannot belong together."""
    if outcome.symbol != signal.symbol:
        return f"expected a decision about {outcome.symbol}, found one about {signal.symbol}"
    if outcome.side is not None and signal.action != outcome.side:
        return f"expected a decision to {outcome.side}, found {signal.action or 'none'}"
    return None
