"""The life of a model: which step follows which, and what each changes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ml_service.domain.models.record import ModelRecord
from ml_service.domain.models.slots import Status
from ml_service.errors import Conflict

FOLLOWS: Mapping[Status, tuple[Status, ...]] = {
    "TRAINING": ("SHADOW", "FAILED"),
    "SHADOW": ("ACTIVE", "RETIRED", "FAILED"),
    # The latter where nobody takes its place.
    "ACTIVE": ("RETIRED", "SHADOW"),
    # A rollback brings back what was replaced.
    "RETIRED": ("ACTIVE",),
    "FAILED": (),
}


def moved(model: ModelRecord, to: Status, at_ms: int, reason: str | None = None) -> ModelRecord:
    """`Conflict` where that step does not follow."""
    if to not in FOLLOWS[model.status]:
        following = " or ".join(FOLLOWS[model.status]) or "nothing"
        raise Conflict(
            f"model {model.model_id} is {model.status}: expected {following} to follow, found {to}", "wrong_status"
        )
    changed = replace(model, status=to, reason=reason)
    if to == "ACTIVE":
        return replace(changed, promoted_at_ms=at_ms, retired_at_ms=None)
    if to in ("RETIRED", "FAILED"):
        return replace(changed, retired_at_ms=at_ms)
    return changed


def succession(
    leaving: Sequence[ModelRecord], entering: Sequence[ModelRecord], at_ms: int, reason: str
) -> list[ModelRecord]:
    """What changes when one set's models take the place of another's, in the order in which to write it: no slot ever
    has two that are ACTIVE."""
    stays = {model.model_id for model in entering}
    retired = [moved(model, "RETIRED", at_ms, reason) for model in leaving if model.model_id not in stays]
    return retired + [moved(model, "ACTIVE", at_ms) for model in entering if model.status != "ACTIVE"]


def withdrawal(leaving: Sequence[ModelRecord], at_ms: int) -> list[ModelRecord]:
    """What changes when a set's models leave their place to nobody: they may be promoted again."""
    return [moved(model, "SHADOW", at_ms) for model in leaving]
