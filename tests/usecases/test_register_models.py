"""What a training came to is kept once, with everything that says where it comes from."""

import json
import os
from dataclasses import replace

import pytest

from ml_service.adapters.store.database import Database
from ml_service.domain.models.model_document import verify_model
from ml_service.domain.models.record import SetRecord
from ml_service.domain.models.slots import Place, Slot
from ml_service.errors import InvalidInput, ModelRefused
from ml_service.features.schema import SCHEMA
from ml_service.ports import ModelFilter
from ml_service.usecases.register_models import begin_training, fail_training, register_models
from tests.builders import NOW_MS
from tests.learning.members import set_graph
from tests.models import FOREIGN_KEY, KEY, PLACE, Registry, finished, finished_set
from tests.usecases.facts import audited, published

EVERYTHING = ModelFilter()


def test_models_become_shadows_of_the_next_version_and_a_set(registry: Registry) -> None:
    first = registry.register("first")
    second = registry.register("second", expires_at_ms=NOW_MS + 10**9)

    models = second.opened().models
    assert [(member.model_type, member.version) for member in models.members] == [("xgboost", 2), ("logistic", 2)]
    assert (first.version, second.version) == (1, 2)
    assert models.expires_at_ms == NOW_MS + 10**9
    assert registry.statuses(second) == {"xgboost": "SHADOW", "logistic": "SHADOW"}
    assert registry.shelf.read(models.graph_sha256) == set_graph("second", 2)
    KEY.verify(second.signed)


def test_a_model_tells_its_files_and_where_it_comes_from(registry: Registry) -> None:
    parent = registry.register("first").opened().models.members[0].model_id
    record = registry.register("second", finished("second", parent=parent, seeds=[1, 2]))

    with registry.store.read() as reading:
        (model,) = reading.models_of_set(record.set_id)
        children = reading.children_of(parent)
    assert model.native is not None
    assert model.onnx is not None
    assert model.manifest is not None
    said = json.loads(model.manifest.text)
    assert said["files"]["onnx"] == {"sha256": model.onnx.sha256, "size": len(b"second xgboost onnx")}
    assert (said["seeds"], said["data_hash"], said["parent"]) == ([1, 2], "d" * 8, parent)
    assert registry.shelf.read(model.native.sha256) == b"second xgboost native"
    assert model.metrics == {"log_loss": 0.69}
    assert children == [model.model_id]
    verify_model(model, KEY)


def test_the_same_artefacts_once_more_are_the_set_that_is_there(registry: Registry) -> None:
    first = registry.register("first")

    again = registry.register("first")

    assert again == first
    with registry.store.read() as reading:
        assert len(reading.models(EVERYTHING, None, 10).items) == 2
    assert len(published(registry.store, "model.trained")) == 2
    assert len(audited(registry.store, "model.registered")) == 1


def test_the_same_artefacts_serve_on_after_the_former_have_expired(registry: Registry) -> None:
    first = registry.register("first", expires_at_ms=NOW_MS + 10_000)
    registry.promote(first.set_id)
    registry.now_ms = NOW_MS + 10_000

    again = registry.register("first", expires_at_ms=NOW_MS + 10**9)
    _, changed = registry.promote(again.set_id)

    assert changed
    assert again.expires_at_ms == NOW_MS + 10**9
    assert registry.statuses(first) == {"xgboost": "RETIRED", "logistic": "RETIRED"}
    assert registry.statuses(again) == {"xgboost": "ACTIVE", "logistic": "ACTIVE"}


def test_another_mixture_of_the_same_models_is_another_set(registry: Registry) -> None:
    first = registry.register("first")
    other = registry.register("first", weights={"*": (0.75, 0.25)})

    assert other.set_id != first.set_id
    assert other.opened().models.members == first.opened().models.members


def test_a_training_is_seen_while_it_lasts_and_ends_as_a_shadow_or_failed(registry: Registry) -> None:
    slots = [Slot("xgboost", *PLACE), Slot("logistic", *PLACE), Slot("lstm", *PLACE)]
    begun = [
        begin_training(slot, SCHEMA.hash, now_ms=NOW_MS, store=registry.store, entropy=os.urandom) for slot in slots
    ]
    fail_training(begun[2].model_id, "one class only", now_ms=NOW_MS, store=registry.store)

    record = register_models(
        finished_set("first"),
        graph=b"a graph",
        distance_max=9.0,
        expires_at_ms=None,
        actor="tester",
        now_ms=NOW_MS + 5,
        store=registry.store,
        shelf=registry.shelf,
        key=KEY,
        entropy=os.urandom,
        begun={model.slot: model.model_id for model in begun[:2]},
    )

    with registry.store.read() as reading:
        members = reading.models_of_set(record.set_id)
        failed = reading.model(begun[2].model_id)
    assert [(model.model_id, model.status) for model in members] == [(one.model_id, "SHADOW") for one in begun[:2]]
    assert failed is not None
    assert (failed.status, failed.reason) == ("FAILED", "one class only")


def test_a_model_of_another_place_is_no_member(registry: Registry) -> None:
    with pytest.raises(InvalidInput, match="expected models of"):
        registry.register("first", finished("first", place=Place("ETHUSDT")))


def test_a_set_has_one_model_of_each_type(registry: Registry) -> None:
    twice = [finished(name) for name in ("first", "second")]

    with pytest.raises(InvalidInput, match="expected one model of each type in a set, found 2 of xgboost"):
        registry.register("twice", *twice, finished("first", "logistic"))

    with registry.store.read() as reading:
        assert reading.models(EVERYTHING, None, 10).items == ()


def test_a_neighbour_whose_document_is_broken_does_not_keep_a_set_out(registry: Registry, embedded: Database) -> None:
    first = registry.register("first")
    with embedded.write() as connection:
        connection.exec_driver_sql("UPDATE model_sets SET document = '{'")

    again = registry.register("first")

    assert again.set_id != first.set_id
    assert [member.version for member in again.opened().models.members] == [1, 1]


@pytest.mark.parametrize("end", ["given up", "overtaken"])
def test_a_row_that_ended_before_its_training_gives_way_to_a_new_one(registry: Registry, end: str) -> None:
    slot = Slot("xgboost", *PLACE)
    row = begin_training(slot, SCHEMA.hash, now_ms=NOW_MS, store=registry.store, entropy=os.urandom)
    if end == "given up":
        fail_training(row.model_id, "the training never ended", now_ms=NOW_MS, store=registry.store)
    first = registered(registry, {slot: row.model_id})
    again = registered(registry, {slot: row.model_id})

    with registry.store.read() as reading:
        (model,) = reading.models_of_set(first.set_id)
    assert (model.model_id == row.model_id, model.status) == (end == "overtaken", "SHADOW")
    assert again == first


def registered(registry: Registry, begun: dict[Slot, str]) -> SetRecord:
    return register_models(
        finished_set("first", finished("first")),
        graph=b"a graph",
        distance_max=9.0,
        expires_at_ms=None,
        actor="tester",
        now_ms=NOW_MS + 5,
        store=registry.store,
        shelf=registry.shelf,
        key=KEY,
        entropy=os.urandom,
        begun=begun,
    )


def test_a_manifest_says_nothing_that_its_row_does_not(registry: Registry) -> None:
    record = registry.register("first", finished("first", version=99, symbol="ETHUSDT", document="nonsense"))

    with registry.store.read() as reading:
        (model,) = reading.models_of_set(record.set_id)
    verify_model(model, KEY)
    for other in (
        replace(model, version=2),
        replace(model, slot=Slot("lstm", *PLACE)),
        replace(model, native=model.onnx),
        replace(model, expires_at_ms=1),
        replace(model, manifest=None),
    ):
        with pytest.raises(ModelRefused, match=model.model_id):
            verify_model(other, KEY)
    with pytest.raises(ModelRefused, match="expected the signature of key"):
        verify_model(model, FOREIGN_KEY)
