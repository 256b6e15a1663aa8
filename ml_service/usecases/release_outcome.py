"""Let an outcome out of quarantine, once somebody has looked at it: from then on it teaches."""

from ml_service.domain.events import OutcomeReleased
from ml_service.domain.outcomes import StoredOutcome
from ml_service.errors import Conflict, NotFound
from ml_service.ports import Store


def release_outcome(
    user_id: str, trade_id: str, *, reason: str, actor: str, now_ms: int, store: Store
) -> StoredOutcome:
    """The outcome as it stands afterwards; what was released already stays as it is."""
    with store.begin() as tx:
        stored = tx.outcome_to_change(user_id, trade_id)
        if stored is None:
            raise NotFound(f"no outcome {trade_id!r} of this user")
        if stored.quarantined is None:
            raise Conflict(f"{trade_id!r} is not in quarantine", "not_quarantined")
        if stored.released_at_ms is not None:
            return stored
        tx.save_release(stored, now_ms)
        tx.publish(OutcomeReleased(user_id, trade_id, stored.outcome.symbol, stored.quarantined), now_ms)
        tx.append_audit(
            now_ms,
            actor,
            "outcome.released",
            f"{user_id}/{trade_id}",
            {"quarantined": stored.quarantined, "reason": reason},
        )
        changed = tx.outcome(user_id, trade_id)
        assert changed is not None
        return changed
