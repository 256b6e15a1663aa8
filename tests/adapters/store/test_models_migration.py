"""The models' migration, down and up again: what it takes is gone for everybody, and the rest works as before."""

from pathlib import Path

import pytest
from sqlalchemy import inspect, select
from sqlalchemy.exc import IntegrityError

from ml_service.adapters.shelf.folder import FolderShelf
from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.schema import HEAD, downgrade, losses, upgrade
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.models.record import SetRecord
from ml_service.domain.view import View, changed
from ml_service.ports import ModelFilter
from tests.adapters.store.rows import write
from tests.builders import HASH, decision, policy, thresholds
from tests.models import PLACE, Registry, model_record

BEFORE = "0004"
VIEWS = ("active_models_summary", "shadow_models_summary", "recent_drift_events", "retraining_jobs")


@pytest.fixture
def registry(database: Database, tmp_path: Path) -> Registry:
    """With models in each state, a champion, and rows of other kinds beside them."""
    store = SqlStore(database)
    made = Registry(store, FolderShelf(tmp_path / "shelf", 1_000_000))
    for name in ("first", "second"):
        made.promote(made.register(name).set_id)
    made.register("third")
    with store.begin() as tx:
        tx.save_model(model_record("m-f", "FAILED", version=9, reason="one class only"))
        tx.save_thresholds(thresholds())
    write(database, decision())
    return made


def seen(registry: Registry, before: View | None = None) -> View:
    """As a running process sees it, from what it knew before."""
    view = before if before is not None else View(policy(), HASH)
    with registry.store.read() as reading:
        told = reading.changes_since(view.store_id, view.generation)
    return changed(view, told) if told is not None else view


def down_and_up(database: Database, url: str) -> None:
    database.engine.dispose()
    assert downgrade(url, BEFORE) == BEFORE
    left = set(inspect(database.engine).get_table_names()) | set(inspect(database.engine).get_view_names())
    assert not left & {"model_registry", "model_sets", "champions", "champion_history", *VIEWS}
    database.engine.dispose()
    assert upgrade(url) == HEAD


def test_it_says_what_it_takes_and_leaves_everything_else(
    registry: Registry, database: Database, store_url: str
) -> None:
    assert any("registry of models" in loss for loss in losses(store_url, BEFORE))

    down_and_up(database, store_url)

    with registry.store.read() as reading:
        assert reading.models(ModelFilter(), None, 10).items == ()
        assert reading.champion_history(None, None, 10).items == ()
        assert reading.reigns() == []
    with database.read() as connection:
        assert len(connection.execute(select(t.decisions)).all()) == 1
        assert len(connection.execute(select(t.thresholds)).all()) == 1
        assert [connection.exec_driver_sql(f"SELECT * FROM {view}").all() for view in VIEWS] == [[]] * len(VIEWS)


def test_a_process_that_runs_meanwhile_goes_on_with_no_champion_that_is_gone(
    registry: Registry, database: Database, store_url: str
) -> None:
    before = seen(registry)

    down_and_up(database, store_url)
    after = seen(registry, before)

    assert list(before.champions) == [PLACE]
    assert after.champions == {}
    assert after.thresholds == before.thresholds


def test_the_same_files_are_registered_and_serve_again(registry: Registry, database: Database, store_url: str) -> None:
    down_and_up(database, store_url)

    records: list[SetRecord] = []
    for name in ("first", "second"):
        records.append(registry.register(name))
        registry.promote(records[-1].set_id)

    assert [record.version for record in records] == [1, 2]
    assert list(seen(registry).champions.values()) == [records[1].opened().models]
    assert registry.roll_back()[0].set_id == records[0].set_id
    # The index that keeps a slot to one is there again.
    with pytest.raises(IntegrityError), registry.store.begin() as tx:
        tx.save_model(model_record("m-2", "ACTIVE", version=7))
