"""A model that serves is never retired by hand; another one is, once."""

import pytest

from ml_service.errors import Conflict, NotFound
from ml_service.usecases.retire import retire
from tests.models import Registry, model_record
from tests.usecases.facts import audited, published


def test_a_shadow_is_retired_once(registry: Registry) -> None:
    model_id = registry.register("first").opened().models.members[0].model_id

    answers = [
        retired_by_hand(registry, model_id, "the wrong candles"),
        retired_by_hand(registry, model_id, "again"),
    ]

    assert answers == [("RETIRED", "the wrong candles", True), ("RETIRED", "the wrong candles", False)]
    assert [one["model_id"] for one in published(registry.store, "model.retired")] == [model_id]
    assert len(audited(registry.store, "model.retired")) == 1


def retired_by_hand(registry: Registry, model_id: str, reason: str) -> tuple[str, str | None, bool]:
    model, changed = retire(model_id, reason=reason, actor="tester", now_ms=registry.now_ms, store=registry.store)
    return model.status, model.reason, changed


def test_the_last_active_model_of_a_slot_is_never_retired(registry: Registry) -> None:
    record = registry.register("first")
    registry.promote(record.set_id)

    for member in record.opened().models.members:
        with pytest.raises(Conflict, match="promote another set, or roll back") as refused:
            retired_by_hand(registry, member.model_id, "")
        assert refused.value.code == "last_active"
    assert registry.statuses(record) == {"xgboost": "ACTIVE", "logistic": "ACTIVE"}


def test_what_is_not_there_or_has_failed_is_not_retired(registry: Registry) -> None:
    with registry.store.begin() as tx:
        tx.save_model(model_record("m-1", "FAILED"))

    with pytest.raises(NotFound, match="no model 'nowhere'"):
        retired_by_hand(registry, "nowhere", "")
    with pytest.raises(Conflict, match="is FAILED"):
        retired_by_hand(registry, "m-1", "")
