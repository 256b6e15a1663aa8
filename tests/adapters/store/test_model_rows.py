"""The registry keeps every version, lists them page by page, and has one ACTIVE per slot at most."""

import time

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.models.canonical import canonical
from ml_service.domain.models.champions import Reign
from ml_service.domain.models.slots import Place, Slot, Status
from ml_service.ports import ModelFilter
from tests.adapters.store.rows import pages
from tests.builders import NOW_MS
from tests.models import KEY, PLACE, model_record, model_set, reign, set_record

EVERYTHING = ModelFilter()


def test_a_model_comes_back_as_it_was_written(store: SqlStore) -> None:
    whole = model_record(
        parent="m-0",
        reason="a better one",
        promoted_at_ms=NOW_MS + 1,
        retired_at_ms=NOW_MS + 2,
        expires_at_ms=NOW_MS + 3,
        archived_at_ms=NOW_MS + 4,
    )
    under_way = model_record("m-2", "TRAINING", 2, native=None, onnx=None, manifest=None, metrics={})

    with store.begin() as tx:
        tx.save_model(whole)
        tx.save_model(under_way)

    with store.read() as reading:
        assert reading.model("m-1") == whole
        assert reading.model("m-2") == under_way
        assert reading.model("m-3") is None
        assert reading.children_of("m-0") == ["m-1"]


def test_models_are_listed_newest_first_and_none_twice(store: SqlStore) -> None:
    with store.begin() as tx:
        for number in range(7):
            # Some at the same moment.
            tx.save_model(model_record(f"m-{number}", version=number + 1, created_at_ms=NOW_MS + number // 2))

    with store.read() as reading:
        listed = pages(lambda cursor: reading.models(EVERYTHING, cursor, 3))

    assert [[model.model_id for model in page] for page in listed] == [
        ["m-6", "m-5", "m-4"],
        ["m-3", "m-2", "m-1"],
        ["m-0"],
    ]
    assert listed[0][0].manifest is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ModelFilter(model_type="lstm"), ["m-2"]),
        (ModelFilter(status="RETIRED"), ["m-3"]),
        (ModelFilter(symbol="ETHUSDT"), ["m-4"]),
        (ModelFilter(regime="volatile"), ["m-4"]),
        (ModelFilter(model_type="xgboost", status="SHADOW", symbol="BTCUSDT", regime="*"), ["m-1"]),
    ],
)
def test_a_list_is_narrowed_to_what_is_asked_for(store: SqlStore, wanted: ModelFilter, found: list[str]) -> None:
    with store.begin() as tx:
        tx.save_model(model_record("m-1"))
        tx.save_model(model_record("m-2", model_type="lstm"))
        tx.save_model(model_record("m-3", "RETIRED", 2))
        tx.save_model(model_record("m-4", slot=Slot("xgboost", "ETHUSDT", "volatile")))

    with store.read() as reading:
        assert [model.model_id for model in reading.models(wanted, None, 10).items] == found


def test_versions_count_within_their_slot(store: SqlStore) -> None:
    with store.begin() as tx:
        tx.save_model(model_record("m-1", version=1))
        tx.save_model(model_record("m-2", version=2))

        assert tx.next_version(Slot("xgboost", *PLACE)) == 3
        assert tx.next_version(Slot("lstm", *PLACE)) == 1


def test_the_database_refuses_a_second_active_model_of_a_slot(store: SqlStore) -> None:
    with store.begin() as tx:
        tx.save_model(model_record("m-1", "ACTIVE"))
        tx.save_model(model_record("m-2", "ACTIVE", model_type="lstm"))
        tx.save_model(model_record("m-3", "RETIRED", 2))

    with pytest.raises(IntegrityError), store.begin() as tx:
        tx.update_model(model_record("m-3", "ACTIVE", 2))

    with store.read() as reading:
        assert len(reading.models(ModelFilter(status="ACTIVE"), None, 10).items) == 2


def test_the_same_files_are_found_again_while_they_may_serve(store: SqlStore) -> None:
    model = model_record("m-1")
    gone = model_record("m-2", "RETIRED", model_type="lstm")
    assert model.native is not None
    assert model.onnx is not None
    assert gone.native is not None
    assert gone.onnx is not None
    with store.begin() as tx:
        tx.save_model(model)
        tx.save_model(gone)

    with store.read() as reading:
        assert reading.model_by_files(model.slot, model.native.sha256, model.onnx.sha256) == model
        assert reading.model_by_files(model.slot, model.native.sha256, model.native.sha256) is None
        assert reading.model_by_files(gone.slot, gone.native.sha256, gone.onnx.sha256) is None


def test_what_is_due_is_found_by_its_status(store: SqlStore) -> None:
    with store.begin() as tx:
        tx.save_model(model_record("m-1", "TRAINING", 1))
        tx.save_model(model_record("m-2", "SHADOW", 2, expires_at_ms=NOW_MS + 10))
        tx.save_model(model_record("m-3", "SHADOW", 3))
        tx.save_model(model_record("m-4", "RETIRED", 4, retired_at_ms=NOW_MS))
        tx.save_model(model_record("m-5", "RETIRED", 5, retired_at_ms=NOW_MS, archived_at_ms=NOW_MS))

    with store.read() as reading:
        due = {
            status: [model.model_id for model in reading.models_to_tidy(status, NOW_MS + 11, 10)]
            for status in ("TRAINING", "SHADOW", "RETIRED", "FAILED")
        }
        assert due == {"TRAINING": ["m-1"], "SHADOW": ["m-2"], "RETIRED": ["m-4"], "FAILED": []}
        assert reading.models_to_tidy("TRAINING", NOW_MS, 10) == []


def test_a_set_knows_its_members_in_order_and_they_know_it(store: SqlStore) -> None:
    record = set_record(model_set(member_ids=("m-2", "m-1")))
    with store.begin() as tx:
        tx.save_model(model_record("m-1"))
        tx.save_model(model_record("m-2", model_type="lstm"))
        tx.save_set(record)

    with store.read() as reading:
        assert reading.model_set("s-1") == record
        assert [model.model_id for model in reading.models_of_set("s-1")] == ["m-2", "m-1"]
        assert reading.sets_of_model("m-1") == ["s-1"]


def test_no_place_has_two_champions_and_a_late_writer_is_told(store: SqlStore) -> None:
    first = Reign(PLACE, 1, "s-1", "promoted", None, NOW_MS, "tester", "")
    with store.begin() as tx:
        assert tx.save_reign(first)

    with store.begin() as tx:
        assert not tx.save_reign(Reign(PLACE, 1, "s-2", "promoted", None, NOW_MS, "tester", ""))
        assert not tx.save_reign(Reign(PLACE, 3, "s-2", "promoted", 2, NOW_MS, "tester", ""))
        assert tx.save_reign(Reign(Place(), 1, "s-2", "promoted", None, NOW_MS, "tester", ""))
        assert tx.reign(PLACE) == first
        assert len(tx.reigns()) == 2


def test_who_served_when_is_one_question(store: SqlStore) -> None:
    reigns = [
        Reign(PLACE, number, f"s-{number % 2}", "promoted", None, NOW_MS + number, "t", "") for number in (1, 2, 3)
    ]
    with store.begin() as tx:
        for one in reigns:
            assert tx.save_reign(one)

    with store.read() as reading:
        served = [reading.reign_at(PLACE, NOW_MS + after) for after in range(5)]
        assert served == [None, *reigns, reigns[2]]
        assert reading.reigns_of_set("s-1") == [(reigns[0], NOW_MS + 2), (reigns[2], None)]
        assert reading.reign(PLACE, 2) == reigns[1]
        listed = pages(lambda cursor: reading.champion_history(None, cursor, 2))
    assert listed == [[reigns[2], reigns[1]], [reigns[0]]]


def test_the_views_tell_of_models_that_serve_and_of_shadows(database: Database, store: SqlStore) -> None:
    with store.begin() as tx:
        tx.save_model(model_record("m-1", "ACTIVE", 1))
        tx.save_model(model_record("m-2", "SHADOW", 2))
        tx.save_set(set_record())
        tx.save_reign(reign(None))
    with database.write() as connection:
        for number, resolved in ((1, NOW_MS), (2, None)):
            connection.execute(
                insert(t.shadow_test_results).values(
                    model_id="m-2",
                    user_id="ada",
                    decision_id=f"d-{number}",
                    decided_at_ms=NOW_MS + number,
                    probability=0.6,
                    resolved_at_ms=resolved,
                )
            )
        for at_ms in (NOW_MS, NOW_MS + 5):
            connection.execute(
                insert(t.model_performance_logs).values(
                    model_id="m-1", at_ms=at_ms, since_ms=NOW_MS - 5, predictions=9, resolved=4
                )
            )
        for age_days in (0, 29, 31):
            connection.execute(
                insert(t.drift_events).values(
                    id=f"e-{age_days}",
                    found_at_ms=NOW_MS - age_days * 86_400_000,
                    symbol="BTCUSDT",
                    test="psi",
                    subject="rsi",
                    severity="LOW",
                )
            )

    with database.read() as connection:
        found = {
            name: connection.execute(text(f"SELECT {columns} FROM {name} ORDER BY 1")).all()
            for name, columns in (
                ("active_models_summary", "model_id, set_id, revision"),
                ("shadow_models_summary", "model_id, results, resolved, last_decided_at_ms"),
                ("model_performance_dashboard", "model_id, status, at_ms, predictions"),
                ("recent_drift_events", "id"),
                ("retraining_jobs", "job_id"),
            )
        }
    assert found == {
        "active_models_summary": [("m-1", "s-1", 1)],
        "shadow_models_summary": [("m-2", 2, 1, NOW_MS + 2)],
        "model_performance_dashboard": [("m-1", "ACTIVE", NOW_MS + 5, 9)],
        "recent_drift_events": [("e-0",), ("e-29",)],
        "retraining_jobs": [],
    }


@pytest.mark.long
def test_a_page_of_ten_thousand_versions_takes_less_than_50_ms(store: SqlStore) -> None:
    """With manifests as long as real ones, wherever the page lies and whatever it is narrowed to."""
    manifest = KEY.sign(canonical({"document": "model", "trained": "x" * 12_000}))
    types = ("logistic", "forest", "xgboost", "lightgbm", "lstm", "nhits", "patchtst")
    for start in range(0, 10_000, 1_000):
        with store.begin() as tx:
            for number in range(start, start + 1_000):
                place, kind = number // len(types) + 1, types[number % len(types)]
                status: Status = "ACTIVE" if place == 1 else "SHADOW" if number % 500 == 0 else "RETIRED"
                at_ms = NOW_MS + number
                tx.save_model(model_record(f"m-{number}", status, place, kind, created_at_ms=at_ms, manifest=manifest))
    wanted = (
        EVERYTHING,
        ModelFilter(status="SHADOW"),
        ModelFilter(model_type="lstm"),
        ModelFilter(model_type="lstm", status="ACTIVE"),
        ModelFilter(symbol="NOBODY"),
    )

    for cursor in (None, f"{NOW_MS + 5_000}~m-5000", f"{NOW_MS + 60}~m-60"):
        for narrowed in wanted:
            took = []
            for _ in range(5):
                began = time.perf_counter()
                with store.read() as reading:
                    reading.models(narrowed, cursor, 100)
                took.append(time.perf_counter() - began)
            assert sorted(took)[2] < 0.05, (cursor, narrowed)
