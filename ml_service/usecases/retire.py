"""Retire a model by hand, so that no set with it is promoted. One that serves is replaced, never retired."""

from ml_service.domain.events import ModelRetired
from ml_service.domain.models.lifecycle import moved
from ml_service.domain.models.record import ModelRecord
from ml_service.errors import Conflict, NotFound
from ml_service.ports import Store


def retire(model_id: str, *, reason: str, actor: str, now_ms: int, store: Store) -> tuple[ModelRecord, bool]:
    """The model as it stands now, and whether that changed anything."""
    with store.begin() as tx:
        tx.lock_models()
        model = tx.model(model_id)
        if model is None:
            raise NotFound(f"no model {model_id!r}")
        if model.status == "RETIRED":
            return model, False
        if model.status == "ACTIVE":
            # A slot has one ACTIVE model at most, so this is its last one.
            raise Conflict(
                f"model {model_id} is the only one that serves its slot: promote another set, or roll back",
                "last_active",
            )
        retired = moved(model, "RETIRED", now_ms, reason or "retired by hand")
        tx.update_model(retired)
        tx.publish(ModelRetired(model_id, *model.slot, model.version, retired.reason or ""), now_ms)
        tx.append_audit(now_ms, actor, "model.retired", model_id, {"reason": retired.reason})
        return retired, True
