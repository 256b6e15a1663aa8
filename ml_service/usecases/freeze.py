"""Freeze a scope, so that nothing moves by learning until somebody unfreezes it. Outcomes wait; nothing is lost."""

from dataclasses import replace

from ml_service.domain.learner import Learner
from ml_service.errors import Conflict, Overtaken
from ml_service.ports import Store

ATTEMPTS = 5


def freeze(
    user_id: str, symbol: str, frozen: bool, *, reason: str, actor: str, now_ms: int, store: Store
) -> tuple[Learner, bool]:
    """The learner as it stands now, and whether that changed anything."""
    for _ in range(ATTEMPTS):
        try:
            with store.begin() as tx:
                learner = tx.learner(user_id, symbol)
                if (learner.frozen is not None) == frozen:
                    return learner, False
                following = replace(learner, revision=learner.revision + 1, frozen=reason if frozen else None)
                if not tx.save_learner(following):
                    raise Overtaken
                action = "thresholds.freeze" if frozen else "thresholds.unfreeze"
                tx.append_audit(now_ms, actor, action, f"{user_id}/{symbol}", {"reason": reason})
                return following, True
        except Overtaken:
            continue
    raise Conflict("the scope was changed by others at the same moment, again and again; try once more")
