"""What the tests of the use-cases begin with: a real store on SQLite, and on PostgreSQL where it matters."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_service.adapters.shelf.folder import FolderShelf
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from tests.emptied import lasting_postgres_url as lasting_postgres_url
from tests.emptied import postgres_url as postgres_url
from tests.migrated import migrated
from tests.models import Registry


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Database]:
    opened = Database(migrated(f"sqlite:///{tmp_path / 'embedded.db'}"))
    yield opened
    opened.close()


@pytest.fixture
def store(embedded: Database) -> SqlStore:
    return SqlStore(embedded)


@pytest.fixture
def registry(store: SqlStore, tmp_path: Path) -> Registry:
    return Registry(store, FolderShelf(tmp_path / "shelf", 1_000_000))
