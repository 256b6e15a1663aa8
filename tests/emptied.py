"""One PostgreSQL database for many tests: emptied in between, because making a new one takes far longer."""

import uuid

import pytest

from ml_service.adapters.store import market_tables, tables
from ml_service.adapters.store.change_rows import found_store
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.partitions import ensure_partitions
from tests.builders import NOW_MS
from tests.servers import PostgresServer


@pytest.fixture(scope="session")
def lasting_postgres_url(postgres: PostgresServer) -> str:
    return postgres.create_database(f"emptied_{uuid.uuid4().hex[:12]}", template="migrated")


@pytest.fixture
def postgres_url(lasting_postgres_url: str) -> str:
    """Takes the place of the fixture of the same name that makes a database for each test."""
    database = Database(lasting_postgres_url)
    with database.write() as connection:
        for table in (*tables.metadata.sorted_tables, *market_tables.metadata.sorted_tables):
            connection.execute(table.delete())
        found_store(connection)
        ensure_partitions(connection, NOW_MS)
    database.close()
    return lasting_postgres_url
