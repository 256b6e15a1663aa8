"""Counts over the tables are those of the window."""

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from tests.adapters.store.rows import report, write
from tests.builders import NOW_MS, decision, outcome, rejected, signal, taken, thresholds


def test_counts_are_those_of_the_window(database: Database, store: SqlStore) -> None:
    write(database, taken("d-1", NOW_MS - 10), taken("d-2"), rejected("d-3"), decision("d-4", judged=signal()))
    report(database, outcome("t-0"), at_ms=NOW_MS - 10)
    report(database, outcome("t-1"), outcome("t-2"))
    with store.begin() as tx:
        tx.save_thresholds(thresholds())
        tx.save_thresholds(thresholds(symbol="BTCUSDT"))

    with store.read() as reading:
        counts = reading.counts(NOW_MS)

    assert {name: counts[name] for name in ("take", "reject", "abstain", "outcomes")} == {
        "take": 1,
        "reject": 1,
        "abstain": 1,
        "outcomes": 2,
    }
    assert (counts["users_with_thresholds"], counts["threshold_scopes"]) == (1, 2)
    assert (counts["events_waiting"], counts["events_set_aside"], counts["journal_conflicts"]) == (3, 0, 0)


def test_an_empty_store_counts_nothing(store: SqlStore) -> None:
    with store.read() as reading:
        assert set(reading.counts(0).values()) == {0}
