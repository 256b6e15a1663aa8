"""Reweighing over the store: another set, signed, that serves only once it is promoted."""

import os

import pytest

from ml_service.adapters.store.database import Database
from ml_service.domain.models.record import SetRecord
from ml_service.domain.models.set_document import provenance_of
from ml_service.domain.models.signing import SigningKey
from ml_service.errors import Conflict, ModelRefused, NotFound
from ml_service.usecases.reweigh import Made, reweigh
from tests.builders import NOW_MS
from tests.domain.models.report.rows import GOOD, HOUR_MS, INVERTED, USELESS
from tests.models import FOREIGN_KEY, KEY, Registry, finished
from tests.spoken import speak
from tests.usecases.facts import audited


@pytest.fixture
def trained(registry: Registry) -> SetRecord:
    names = [one.model_type for one in (GOOD, USELESS, INVERTED)]
    return registry.register("first", *(finished("first", name) for name in names))


def ask(registry: Registry, set_id: str, hour: int = 5_000, key: SigningKey = KEY) -> Made:
    return reweigh(
        set_id, actor="tester", now_ms=NOW_MS + hour * HOUR_MS, store=registry.store, key=key, entropy=os.urandom
    )


def test_a_new_set_of_the_same_models_waits_to_be_promoted(
    embedded: Database, registry: Registry, trained: SetRecord
) -> None:
    registry.promote(trained.set_id)
    speak(embedded, trained.set_id, 300)

    made = ask(registry, trained.set_id)

    before, after = trained.opened().models, made.record.opened().models
    assert made.is_new
    assert (after.members, after.graph_sha256, after.rises) == (before.members, before.graph_sha256, before.rises)
    assert (after.version, after.place) == (before.version + 1, before.place)
    assert after.weights["*"][0] > before.weights["*"][0] > after.weights["*"][2]
    KEY.verify(made.record.signed)
    told = provenance_of(made.record.signed)["reweighed"]
    assert (told["from"], told["episodes"], len(told["members"])) == (trained.set_id, 300, 3)
    with registry.store.read() as reading:
        reign = reading.reign(trained.place)
        assert reign is not None
        assert reign.set_id == trained.set_id
    (entry,) = audited(registry.store, "model.reweighed")
    assert (entry.subject, entry.details["from"]) == (made.record.set_id, trained.set_id)
    assert registry.promote(made.record.set_id)[1]
    assert set(registry.statuses(made.record).values()) == {"ACTIVE"}


def test_without_new_evidence_there_is_no_new_set(embedded: Database, registry: Registry, trained: SetRecord) -> None:
    speak(embedded, trained.set_id, 300)
    first, again = ask(registry, trained.set_id), ask(registry, trained.set_id, hour=5_001)

    assert (again.record.set_id, again.is_new) == (first.record.set_id, False)
    # What moved these weights does not move them twice.
    with pytest.raises(Conflict, match="found 0 episodes in 0 resolved predictions"):
        ask(registry, first.record.set_id)


def test_later_predictions_of_its_line_move_it_further(
    embedded: Database, registry: Registry, trained: SetRecord
) -> None:
    speak(embedded, trained.set_id, 300)
    first = ask(registry, trained.set_id).record
    speak(embedded, trained.set_id, 150, since=300)
    speak(embedded, first.set_id, 150, since=450)

    second = ask(registry, first.set_id)

    told = provenance_of(second.record.signed)["reweighed"]
    assert (told["predictions_of"], told["episodes"]) == ([first.set_id, trained.set_id], 300)
    assert second.record.opened().models.weights["*"][0] > first.opened().models.weights["*"][0]


def test_too_little_a_foreign_key_and_an_unknown_set_are_refused(
    embedded: Database, registry: Registry, trained: SetRecord
) -> None:
    speak(embedded, trained.set_id, 40)

    with pytest.raises(Conflict, match=r"at least 200 episodes.* found 40 episodes") as refused:
        ask(registry, trained.set_id)
    assert refused.value.code == "too_little_evidence"
    with pytest.raises(ModelRefused, match="expected the signature of key"):
        ask(registry, trained.set_id, key=FOREIGN_KEY)
    with pytest.raises(NotFound, match="no set 'nobody'"):
        ask(registry, "nobody")
    assert audited(registry.store, "model.reweighed") == []


def test_a_set_whose_models_were_replaced_is_not_weighed_anew(
    embedded: Database, registry: Registry, trained: SetRecord
) -> None:
    speak(embedded, trained.set_id, 300)
    registry.promote(trained.set_id)
    registry.promote(registry.register("second").set_id)

    with pytest.raises(Conflict, match="is RETIRED: expected SHADOW or ACTIVE"):
        ask(registry, trained.set_id)


def test_a_set_that_has_expired_is_not_weighed_anew(embedded: Database, registry: Registry) -> None:
    names = [one.model_type for one in (GOOD, USELESS, INVERTED)]
    old = registry.register("old", *(finished("old", name) for name in names), expires_at_ms=NOW_MS + 5_000 * HOUR_MS)
    speak(embedded, old.set_id, 300)

    with pytest.raises(Conflict, match="has expired"):
        ask(registry, old.set_id)
