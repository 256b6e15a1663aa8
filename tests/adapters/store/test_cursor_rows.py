"""A cursor says how far its owner has come."""

from ml_service.adapters.store.sql import SqlStore


def test_a_cursor_is_replaced_by_the_next(store: SqlStore) -> None:
    for value in ("1", "2"):
        with store.begin() as tx:
            tx.save_cursor("trades", value)

    with store.read() as reading:
        assert reading.cursor("trades") == "2"
        assert reading.cursor("other") is None
