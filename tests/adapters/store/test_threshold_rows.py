"""Every revision of the thresholds is kept, and only the next one is written."""

from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.types import ANY_SYMBOL
from tests.adapters.store.rows import pages
from tests.builders import thresholds


def test_only_the_next_revision_is_written(store: SqlStore) -> None:
    with store.begin() as tx:
        written = [tx.save_thresholds(thresholds(revision=number)) for number in (1, 1, 3, 2, 2)]

    assert written == [True, False, False, True, False]
    with store.begin() as tx:
        head = tx.thresholds_head("ada", ANY_SYMBOL)
    assert head is not None
    assert head.revision == 2


def test_every_revision_is_kept_as_it_was(store: SqlStore) -> None:
    rows = [thresholds(revision=number, rsi_threshold=60.0 + number) for number in (1, 2, 3)]
    with store.begin() as tx:
        for row in rows:
            tx.save_thresholds(row)

    with store.read() as reading:
        assert [reading.thresholds_revision("ada", ANY_SYMBOL, number) for number in (1, 2, 3)] == rows
        assert reading.thresholds_revision("ada", ANY_SYMBOL, 4) is None


def test_the_history_of_all_symbols_comes_newest_first(store: SqlStore) -> None:
    with store.begin() as tx:
        for symbol in (ANY_SYMBOL, "BTCUSDT"):
            for number in (1, 2):
                tx.save_thresholds(thresholds(symbol=symbol, revision=number))

    with store.read() as reading:
        whole = pages(lambda cursor: reading.thresholds_history("ada", None, cursor, 3))
        one = reading.thresholds_history("ada", "BTCUSDT", None, 10)

    assert sorted((row.symbol, row.revision) for page in whole for row in page) == [
        (ANY_SYMBOL, 1),
        (ANY_SYMBOL, 2),
        ("BTCUSDT", 1),
        ("BTCUSDT", 2),
    ]
    assert [row.revision for row in one.items] == [2, 1]
