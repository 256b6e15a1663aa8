"""A settings document is kept once, under its hash."""

from ml_service.adapters.store.sql import SqlStore
from tests.builders import HASH, NOW_MS, SETTINGS


def test_a_settings_document_is_stored_once(store: SqlStore) -> None:
    with store.begin() as tx:
        first = tx.save_settings_document(HASH, SETTINGS.document(), NOW_MS)
        second = tx.save_settings_document(HASH, SETTINGS.document(), NOW_MS + 1)

    assert (first, second) == (True, False)
    with store.read() as reading:
        assert reading.settings_document(HASH) == SETTINGS.document()
        assert reading.settings_document("unknown") is None
