"""A set serves once it is promoted, whole and once; what cannot be trusted leaves the old one where it is."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import event

from ml_service.adapters.shelf.folder import FolderShelf
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.models.record import SetRecord
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.slots import Place
from ml_service.errors import Conflict, ForeignSchema, InvalidInput, ModelRefused, NotFound
from ml_service.ports import ModelFilter
from ml_service.usecases.promote import newest_candidate, promote
from ml_service.usecases.retire import retire
from tests.models import FOREIGN_KEY, PLACE, Finished, Registry, finished
from tests.usecases.facts import audited, published


def graph_path(tmp_path: Path, record: SetRecord) -> Path:
    return tmp_path / "shelf" / record.graph_sha256[:2] / record.graph_sha256


def test_a_promoted_set_serves_and_its_models_take_the_place_of_the_former_ones(registry: Registry) -> None:
    shared = finished("shared", "logistic")
    first = registry.register("first", finished("first"), shared)
    second = registry.register("second", finished("second"), shared, finished("second", "lstm"))

    registry.promote(first.set_id)
    reign, changed = registry.promote(second.set_id)

    assert changed
    assert (reign.set_id, reign.revision, reign.former) == (second.set_id, 2, 1)
    assert registry.statuses(first) == {"xgboost": "RETIRED", "logistic": "ACTIVE"}
    assert registry.statuses(second) == {"xgboost": "ACTIVE", "logistic": "ACTIVE", "lstm": "ACTIVE"}
    with registry.store.read() as reading:
        told = reading.changes_since("", -1)
    assert told is not None
    assert [champion.models.set_id for champion in told.champions] == [second.set_id]


def test_a_promotion_is_told_once_in_the_audit_and_to_the_worker(registry: Registry) -> None:
    first, second = registry.register("first"), registry.register("second")
    registry.promote(first.set_id)

    for expected in (True, False, False):
        assert registry.promote(second.set_id)[1] is expected

    told = published(registry.store, "model.promoted")
    assert [(one["set_id"], one["former_set_id"]) for one in told] == [
        (first.set_id, None),
        (second.set_id, first.set_id),
    ]
    assert [entry.subject for entry in audited(registry.store, "model.promoted")] == [first.set_id, second.set_id]
    assert {one["reason"] for one in published(registry.store, "model.retired")} == {
        f"set {second.set_id} took its place"
    }


def test_places_do_not_disturb_each_other(registry: Registry) -> None:
    one = registry.register("one")
    other = registry.register("other", place=Place("ETHUSDT", "volatile"))

    registry.promote(one.set_id)
    registry.promote(other.set_id)

    assert registry.statuses(one) == registry.statuses(other) == {"xgboost": "ACTIVE", "logistic": "ACTIVE"}


def test_one_changed_byte_of_the_graph_leaves_the_old_champion_and_is_told(registry: Registry, tmp_path: Path) -> None:
    first, second = registry.register("first"), registry.register("second")
    registry.promote(first.set_id)
    graph_path(tmp_path, second).write_bytes(b"Second graph")

    with pytest.raises(ModelRefused, match="was changed"):
        registry.promote(second.set_id)

    assert registry.statuses(first) == {"xgboost": "ACTIVE", "logistic": "ACTIVE"}
    assert registry.statuses(second) == {"xgboost": "SHADOW", "logistic": "SHADOW"}
    (told,) = published(registry.store, "model.refused")
    assert told["set_id"] == second.set_id
    assert "was changed" in told["why"]


def test_a_graph_that_does_not_run_leaves_the_old_champion_and_is_told(registry: Registry) -> None:
    first, second = registry.register("first"), registry.register("second")
    registry.promote(first.set_id)

    def does_not_run(models: ModelSet) -> None:
        raise ModelRefused(f"the graph of {models.set_id} does not run")

    with pytest.raises(ModelRefused, match=f"the graph of {second.set_id} does not run"):
        promote(
            second.set_id,
            actor="tester",
            reason="",
            now_ms=registry.now_ms,
            store=registry.store,
            shelf=registry.shelf,
            key=registry.key,
            try_out=does_not_run,
        )

    assert registry.statuses(first) == {"xgboost": "ACTIVE", "logistic": "ACTIVE"}
    assert [one["set_id"] for one in published(registry.store, "model.refused")] == [second.set_id]


@pytest.mark.parametrize("move", ["promote", "roll_back"])
def test_whenever_it_is_cut_off_exactly_one_set_is_active(registry: Registry, embedded: Database, move: str) -> None:
    """At every statement in turn, until it gets through."""
    first, second = registry.register("first"), registry.register("second")
    registry.promote(first.set_id)
    if move == "roll_back":
        registry.promote(second.set_id)
    go = partial(registry.promote, second.set_id) if move == "promote" else registry.roll_back
    before = actives(registry)

    cut_off = 0
    for survived in count():
        with cutting(embedded, after=survived) as cut, suppress(Cut):
            go()
        if not cut:
            break
        cut_off += 1
        assert actives(registry) == before

    assert cut_off > 10
    after = actives(registry)
    assert after != before
    assert {len(ids) for ids in (before, after)} == {2}
    assert registry.statuses(second if move == "promote" else first) == {"xgboost": "ACTIVE", "logistic": "ACTIVE"}


class Cut(Exception):
    pass


@contextmanager
def cutting(database: Database, after: int) -> Iterator[list[str]]:
    """So many statements go through, and the next one does not; the list names it."""
    left, cut = after, []

    def stop(connection: object, cursor: object, statement: str, *_: object) -> None:
        nonlocal left
        if left == 0:
            cut.append(statement)
            raise Cut(statement)
        left -= 1

    event.listen(database.engine, "before_cursor_execute", stop)
    try:
        yield cut
    finally:
        event.remove(database.engine, "before_cursor_execute", stop)


def actives(registry: Registry) -> set[str]:
    with registry.store.read() as reading:
        found = reading.models(ModelFilter(status="ACTIVE"), None, 100).items
        told = reading.changes_since("", -1)
    assert told is not None
    (champion,) = told.champions
    ids = {model.model_id for model in found}
    assert ids == {member.model_id for member in champion.models.members}
    return ids


def test_a_set_signed_with_another_key_is_refused_before_its_file_is_read(registry: Registry, tmp_path: Path) -> None:
    stranger = replace(registry, key=FOREIGN_KEY)
    record = stranger.register("first")
    graph_path(tmp_path, record).unlink()

    with pytest.raises(ModelRefused, match="expected the signature of key"):
        registry.promote(record.set_id)


def test_a_member_signed_with_another_key_is_refused(registry: Registry) -> None:
    stranger = replace(registry, key=FOREIGN_KEY)
    stranger.register("first", finished("first"))
    record = registry.register("first", finished("first"), finished("first", "lstm"))

    with pytest.raises(ModelRefused, match=r"the manifest of model .*: expected the signature of key"):
        registry.promote(record.set_id)


def test_a_set_for_rows_of_another_schema_is_refused(registry: Registry) -> None:
    foreign: Finished = replace(finished("first"), schema_hash="f" * 64)
    record = registry.register("first", foreign, schema_hash="f" * 64)

    with pytest.raises(ForeignSchema, match="found a set for ffff"):
        registry.promote(record.set_id)


def test_a_document_that_was_changed_is_refused(registry: Registry, embedded: Database) -> None:
    record = registry.register("first")
    with embedded.write() as connection:
        connection.exec_driver_sql("UPDATE model_sets SET document = replace(document, '0.5', '0.4')")

    with pytest.raises(ModelRefused):
        registry.promote(record.set_id)


def test_a_set_that_has_expired_or_lost_a_model_is_not_promoted(registry: Registry) -> None:
    old = registry.register("old", expires_at_ms=registry.now_ms + 1_500)
    with pytest.raises(Conflict, match="has expired") as expired:
        registry.promote(old.set_id)
    assert expired.value.code == "expired"

    short = registry.register("short")
    model_id = short.opened().models.members[0].model_id
    retire(model_id, reason="no good", actor="tester", now_ms=registry.now_ms, store=registry.store)
    with pytest.raises(Conflict, match=r"is RETIRED \(no good\): expected SHADOW or ACTIVE") as wrong:
        registry.promote(short.set_id)
    assert wrong.value.code == "wrong_status"
    with pytest.raises(NotFound, match="no set 'nowhere'"):
        registry.promote("nowhere")


@pytest.mark.parametrize(("named", "wrong"), [({"symbol": "ETHUSDT"}, "symbol"), ({"regime": "volatile"}, "regime")])
def test_a_set_is_not_promoted_for_another_place_than_its_own(
    registry: Registry, named: dict[str, str], wrong: str
) -> None:
    record = registry.register("first")

    with pytest.raises(InvalidInput, match=f"{wrong}: expected .*, where set {record.set_id} serves"):
        registry.promote(record.set_id, **named)

    assert registry.promote(record.set_id, symbol="BTCUSDT", regime="*")[1]


def test_the_newest_set_with_a_waiting_model_of_a_type_is_found(registry: Registry) -> None:
    registry.register("first")
    second = registry.register("second")
    third = registry.register("third", finished("third", "lstm"))

    assert newest_candidate(PLACE, "logistic", store=registry.store) == second
    assert newest_candidate(PLACE, "lstm", store=registry.store) == third
    registry.promote(third.set_id)
    with pytest.raises(NotFound, match="a shadow of type 'lstm'"):
        newest_candidate(PLACE, "lstm", store=registry.store)
    with pytest.raises(NotFound):
        newest_candidate(Place(), "logistic", store=registry.store)


def test_a_set_with_a_retired_member_is_no_candidate(registry: Registry) -> None:
    first, second = registry.register("first"), registry.register("second")
    bad = second.opened().models.members[1].model_id
    retire(bad, reason="no use", actor="tester", now_ms=registry.now_ms, store=registry.store)

    assert newest_candidate(PLACE, "xgboost", store=registry.store) == first


@pytest.fixture(params=["sqlite", "postgres"])
def shared_store(request: pytest.FixtureRequest, embedded: Database) -> Iterator[SqlStore]:
    if request.param == "sqlite":
        yield SqlStore(embedded)
        return
    database = Database(request.getfixturevalue("postgres_url"))
    yield SqlStore(database)
    database.close()


def test_whoever_promotes_at_the_same_moment_leaves_one_champion(shared_store: SqlStore, tmp_path: Path) -> None:
    registry = Registry(shared_store, FolderShelf(tmp_path / "shelf", 1_000_000))
    records = [registry.register(f"candidate {number}") for number in range(6)]

    def promoted(set_id: str) -> None:
        # The second time, it may have had to give way already.
        with suppress(Conflict):
            registry.promote(set_id)

    threads = [threading.Thread(target=promoted, args=(record.set_id,)) for record in records * 2]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    with shared_store.read() as reading:
        (head,) = reading.reigns()
        active = reading.models(ModelFilter(status="ACTIVE"), None, 100).items
        history = reading.champion_history(PLACE, None, 100).items
    champion = next(record for record in records if record.set_id == head.set_id)
    assert {model.model_id for model in active} == {member.model_id for member in champion.opened().models.members}
    assert [reign.revision for reign in history] == [6, 5, 4, 3, 2, 1]
