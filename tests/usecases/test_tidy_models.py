"""Time takes away what has had its time, and nothing that serves or may have to."""

import os
from pathlib import Path

import pytest

from ml_service.domain.models.record import SetRecord
from ml_service.domain.models.slots import Place
from ml_service.usecases.retire import retire
from ml_service.usecases.tidy_models import GIVEN_UP_MS, UNNAMED_MS, Tidied, tidy_models
from tests.builders import NOW_MS
from tests.models import Registry, finished, model_record
from tests.usecases.facts import published

DAY_MS = 86_400_000
NOTHING = Tidied(0, 0, 0, 0, 0)


def tidied(registry: Registry, after_ms: int = 0) -> Tidied:
    return tidy_models(180 * DAY_MS, now_ms=NOW_MS + after_ms, store=registry.store, shelf=registry.shelf)


def has_files(registry: Registry, record: SetRecord, tmp_path: Path) -> set[bool]:
    with registry.store.read() as reading:
        files = [record.graph_sha256]
        for model in reading.models_of_set(record.set_id):
            assert model.native is not None
            assert model.onnx is not None
            files += [model.native.sha256, model.onnx.sha256]
    return {(tmp_path / "shelf" / name[:2] / name).exists() for name in files}


def aged(tmp_path: Path) -> None:
    """As if all files had been put on the shelf long ago."""
    for path in (tmp_path / "shelf").rglob("*"):
        os.utime(path, (1_000, 1_000))


def test_nothing_to_tidy_is_nothing_done(registry: Registry) -> None:
    registry.promote(registry.register("first").set_id)

    assert tidied(registry) == NOTHING


def test_a_training_that_nobody_ends_has_failed(registry: Registry) -> None:
    with registry.store.begin() as tx:
        tx.save_model(model_record("m-1", "TRAINING"))

    assert tidied(registry, GIVEN_UP_MS) == NOTHING
    assert tidied(registry, GIVEN_UP_MS + 1).given_up == 1
    with registry.store.read() as reading:
        model = reading.model("m-1")
    assert model is not None
    assert (model.status, model.reason) == ("FAILED", "the training never ended")


def test_a_shadow_that_has_expired_is_retired(registry: Registry) -> None:
    record = registry.register("first", expires_at_ms=NOW_MS + DAY_MS)

    assert tidied(registry, DAY_MS + 1).expired == 2
    assert registry.statuses(record) == {"xgboost": "RETIRED", "logistic": "RETIRED"}
    assert {one["reason"] for one in published(registry.store, "model.retired")} == {"expired"}


def test_a_champion_that_has_expired_stays_and_is_told_of_once(registry: Registry) -> None:
    record = registry.register("first", expires_at_ms=NOW_MS + DAY_MS)
    registry.promote(record.set_id)
    tidied(registry)

    counts = [tidied(registry, DAY_MS + number).champions_expired for number in range(3)]

    assert counts == [1, 0, 0]
    assert registry.statuses(record) == {"xgboost": "ACTIVE", "logistic": "ACTIVE"}
    assert [one["set_id"] for one in published(registry.store, "model.expired")] == [record.set_id]


def test_files_of_models_retired_long_ago_go_and_those_a_rollback_may_need_stay(
    registry: Registry, tmp_path: Path
) -> None:
    first, second, third = (registry.register(name) for name in ("first", "second", "third"))
    for record in (first, second, third):
        registry.promote(record.set_id)
    aged(tmp_path)

    assert tidied(registry, 179 * DAY_MS) == NOTHING
    done = tidied(registry, 181 * DAY_MS)

    assert (done.archived, done.files_dropped) == (2, 5)
    assert has_files(registry, first, tmp_path) == {False}
    assert has_files(registry, second, tmp_path) == {True}
    assert has_files(registry, third, tmp_path) == {True}
    with registry.store.read() as reading:
        archived = reading.model_set(first.set_id)
        assert archived is not None
        assert archived.archived_at_ms is not None
        assert reading.model(first.opened().models.members[0].model_id) is not None
    assert registry.roll_back()[0].set_id == second.set_id


def test_where_the_former_is_too_old_the_files_of_the_one_before_stay_as_well(
    registry: Registry, tmp_path: Path
) -> None:
    zeroth, first = registry.register("zeroth"), registry.register("first")
    second = registry.register("second", expires_at_ms=registry.now_ms + DAY_MS)
    for record in (zeroth, first, second, registry.register("third")):
        registry.promote(record.set_id)
    aged(tmp_path)
    registry.now_ms += 181 * DAY_MS

    done = tidied(registry, 181 * DAY_MS)

    assert done.archived == 2
    assert [has_files(registry, record, tmp_path) for record in (zeroth, first, second)] == [{False}, {True}, {True}]
    assert registry.roll_back()[0].set_id == first.set_id


def test_those_that_a_rollback_may_need_do_not_hold_up_the_others(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every place keeps a former champion, and those were retired before many another."""
    monkeypatch.setattr("ml_service.usecases.tidy_models.MODELS_AT_ONCE", 4)
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        place = Place(symbol)
        for name in ("first", "second"):
            models = [finished(f"{name} {symbol}", kind, place) for kind in ("xgboost", "logistic")]
            registry.promote(registry.register(f"{name} {symbol}", *models, place=place).set_id)
    third = registry.register("third")
    for member in third.opened().models.members:
        retire(member.model_id, reason="", actor="tester", now_ms=registry.now_ms, store=registry.store)
    aged(tmp_path)

    done = tidied(registry, 181 * DAY_MS)

    assert done.archived == 2
    assert has_files(registry, third, tmp_path) == {False}


def test_files_that_no_row_names_leave_the_shelf_but_not_at_once(registry: Registry, tmp_path: Path) -> None:
    kept = registry.register("first")
    aged(tmp_path)
    lost, young = registry.shelf.put(b"lost"), registry.shelf.put(b"young")
    os.utime(tmp_path / "shelf" / lost[:2] / lost, (0, (NOW_MS - UNNAMED_MS - 1) / 1_000))
    os.utime(tmp_path / "shelf" / young[:2] / young, (0, (NOW_MS - UNNAMED_MS + 1_000) / 1_000))

    assert tidied(registry).files_dropped == 1
    assert has_files(registry, kept, tmp_path) == {True}
    assert not (tmp_path / "shelf" / lost[:2] / lost).exists()
    assert registry.shelf.read(young) == b"young"
