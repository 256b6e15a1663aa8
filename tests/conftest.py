"""Fixtures that more than one folder of tests uses."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.schema import MARKET, upgrade
from tests.migrated import migrated
from tests.servers import PostgresServer
from tests.service import PATIENT, Service

# The same commit gives the same result, on a slow machine too; `--hypothesis-profile default` draws new examples.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One real PostgreSQL for the whole run; each test takes a database of its own from it."""
    with PostgresServer() as server:
        migrated = server.create_database("migrated")
        upgrade(migrated)
        upgrade(migrated, line=MARKET)
        yield server
        if server.running:
            # An orderly end would first sync every file of every database, for minutes; all of it goes anyway.
            server.kill()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    return postgres.create_database(f"test_{uuid.uuid4().hex[:12]}", template="migrated")


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database: every test of the store runs on both kinds."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return migrated(f"sqlite:///{tmp_path / 'store.db'}")


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    opened = Database(store_url)
    yield opened
    opened.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The real service on an embedded store, in the testing environment, without keys."""
    with Service(tmp_path, "run", None, **PATIENT) as running:
        yield running
