"""What several tests of the store begin with."""

import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore


@pytest.fixture
def store(database: Database) -> SqlStore:
    return SqlStore(database)
