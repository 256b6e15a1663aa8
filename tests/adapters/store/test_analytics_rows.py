"""What analytics counts: by symbol, of one user, from a moment on."""

from sqlalchemy import insert

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.ports import DecisionCount, MoveCount
from tests.adapters.store.rows import write
from tests.builders import NOW_MS, decision, rejected, taken


def adapted(database: Database, name: str, at_ms: int = NOW_MS, **fields: object) -> None:
    row = {
        "user_id": "ada",
        "id": name,
        "symbol": "*",
        "at_ms": at_ms,
        "verdict": "moved",
        "revision_before": 1,
        "revision": 2,
        "explanation": '{"why":"x"}',
        **fields,
    }
    with database.write() as connection:
        connection.execute(insert(t.adaptations).values(row))


def test_decisions_are_counted_by_symbol_verdict_and_code(database: Database, store: SqlStore) -> None:
    write(
        database,
        taken("d-1"),
        taken("d-2"),
        rejected("d-3"),
        taken("d-4", symbol="ETHUSDT"),
        taken("old", at_ms=NOW_MS - 1),
        decision("foreign", user_id="bob"),
    )

    with store.read() as reading:
        found = reading.decision_counts("ada", NOW_MS)

    assert found == (
        DecisionCount("BTCUSDT", "reject", "limit_missed", 1),
        DecisionCount("BTCUSDT", "take", "all_passed", 2),
        DecisionCount("ETHUSDT", "take", "all_passed", 1),
    )


def test_adaptations_are_counted_by_symbol_and_verdict(database: Database, store: SqlStore) -> None:
    adapted(database, "a-1")
    adapted(database, "a-2")
    adapted(database, "a-3", symbol="ETHUSDT", verdict="refused")
    adapted(database, "old", NOW_MS - 1)
    adapted(database, "foreign", user_id="bob")

    with store.read() as reading:
        found = reading.move_counts("ada", NOW_MS)

    assert found == (MoveCount("*", "moved", 2), MoveCount("ETHUSDT", "refused", 1))


def test_the_newest_adaptations_come_first(database: Database, store: SqlStore) -> None:
    for number in range(3):
        adapted(database, f"a-{number}", NOW_MS + number, undone_by=number or None)

    with store.read() as reading:
        found = reading.moves("ada", NOW_MS, 2)

    assert [one.id for one in found] == ["a-2", "a-1"]
    assert (found[0].at_ms, found[0].explanation, found[0].undone_by) == (NOW_MS + 2, {"why": "x"}, 2)
