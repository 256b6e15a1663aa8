"""A key comes back with everything but its secret."""

import pytest

from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.keys import ApiKey
from tests.builders import NOW_MS


@pytest.mark.parametrize("users", [None, ("ada",), ("ada", "bob")])
def test_a_key_comes_back_with_its_users(store: SqlStore, users: tuple[str, ...] | None) -> None:
    made = ApiKey("k1", "b" * 64, "service", users, "name", NOW_MS, NOW_MS + 5, None)

    with store.begin() as tx:
        tx.save_key(made)

    with store.read() as reading:
        assert reading.all_keys() == (made,)
