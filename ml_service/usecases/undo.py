"""Take back the latest adaptation of a scope: its thresholds, and what was known when they decided."""

from dataclasses import dataclass, replace

from ml_service.domain.events import ThresholdsChanged
from ml_service.domain.learner import Adaptation
from ml_service.domain.thresholds import bounded, moved_between
from ml_service.domain.types import GatePolicy, Thresholds
from ml_service.errors import Conflict, NotFound, Overtaken
from ml_service.ports import Store, Writing

ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Undone:
    adaptation: Adaptation
    thresholds: Thresholds
    already: bool
    """It had been taken back before; nothing was changed."""
    held_until_ms: int


def undo(
    user_id: str,
    adaptation_id: str,
    *,
    reason: str,
    actor: str,
    policy: GatePolicy,
    settings_hash: str,
    cooldown_ms: int,
    now_ms: int,
    store: Store,
) -> Undone:
    for _ in range(ATTEMPTS):
        try:
            with store.begin() as tx:
                return take_back(tx, user_id, adaptation_id, reason, actor, policy, settings_hash, cooldown_ms, now_ms)
        except Overtaken:
            continue
    raise Conflict("the thresholds were changed by others at the same moment, again and again; try once more")


def take_back(
    tx: Writing,
    user_id: str,
    adaptation_id: str,
    reason: str,
    actor: str,
    policy: GatePolicy,
    settings_hash: str,
    cooldown_ms: int,
    now_ms: int,
) -> Undone:
    adaptation = tx.adaptation(user_id, adaptation_id)
    if adaptation is None:
        raise NotFound(f"no adaptation {adaptation_id!r}")
    symbol = adaptation.symbol
    learner = tx.learner(user_id, symbol)
    current = tx.thresholds_head(user_id, symbol)
    # Read again now that nobody else can change the scope: another may have taken it back a moment ago.
    adaptation = tx.adaptation(user_id, adaptation_id)
    assert adaptation is not None
    assert current is not None
    if adaptation.undone_by is not None:
        undone = tx.thresholds_revision(user_id, symbol, adaptation.undone_by)
        assert undone is not None
        return Undone(adaptation, undone, True, learner.held_until_ms)
    latest = tx.adaptation_before(user_id, symbol)
    if latest is None or latest.id != adaptation.id:
        raise Conflict(
            f"only the latest adaptation can be taken back, and that is {latest.id if latest else 'none'};"
            " an older revision comes back by restore",
            "not_the_latest",
        )
    if not stands(tx, adaptation, current):
        raise Conflict(
            f"the thresholds were changed by hand after this adaptation (revision {current.revision},"
            f" {current.source}); a former revision comes back by restore",
            "changed_since",
        )
    before = {move["parameter"]: move["before"] for move in adaptation.explanation["moved"]}
    former = bounded(replace(current, values={**current.values, **before}), policy)
    following = replace(
        former,
        revision=current.revision + 1,
        changed_at_ms=max(now_ms, current.changed_at_ms),
        source="undo",
        reason=reason or f"took back adaptation {adaptation.id}",
        actor=actor,
        settings_hash=settings_hash,
    )
    held_until_ms = max(now_ms, learner.adapted_at_ms) + cooldown_ms
    known = tx.former_state(user_id, symbol, adaptation.revision_before)
    if not tx.save_thresholds(following):
        raise Overtaken
    if not tx.save_learner(replace(learner, revision=learner.revision + 1, learned=known, held_until_ms=held_until_ms)):
        raise Overtaken
    tx.mark_undone(adaptation, following.revision)
    tx.publish(ThresholdsChanged(user_id, symbol, following.revision, following.source), now_ms)
    facts = {
        "revision": following.revision,
        "moved": moved_between(current.values, following.values),
        "adaptation": adaptation.id,
        "reason": reason,
    }
    tx.append_audit(now_ms, actor, "thresholds.undo", f"{user_id}/{symbol}", facts)
    return Undone(replace(adaptation, undone_by=following.revision), following, False, held_until_ms)


def stands(tx: Writing, adaptation: Adaptation, current: Thresholds) -> bool:
    """Whether what decides now is what it made, be it after later adaptations that were taken back themselves."""
    made = tx.thresholds_revision(adaptation.user_id, adaptation.symbol, adaptation.revision)
    return made is not None and made.values == current.values and current.source in ("adapt", "rollback", "undo")
