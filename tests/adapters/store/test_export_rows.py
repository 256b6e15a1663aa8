"""What is exported comes oldest first, each row once, however many share a moment."""

from typing import Any

from sqlalchemy import update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.ports import Period
from tests.adapters.store.rows import ALL, pages, report, write
from tests.adapters.store.test_analytics_rows import adapted
from tests.builders import NOW_MS, decision, outcome, taken


def test_decisions_come_oldest_first_in_portions(database: Database, store: SqlStore) -> None:
    write(
        database,
        *(taken(f"d-{number}") for number in range(5)),
        taken("early", NOW_MS - 1),
        taken("eth", symbol="ETHUSDT", at_ms=NOW_MS - 2),
        decision("foreign", user_id="bob"),
    )

    with store.read() as reading:
        found = pages(lambda cursor: reading.decisions_in_order("ada", ALL, cursor, 2))
        narrow = reading.decisions_in_order("ada", Period("BTCUSDT", NOW_MS - 1, NOW_MS), None, 10)

    names = [one.decision_id for page in found for one in page]
    assert names == ["eth", "early", "d-0", "d-1", "d-2", "d-3", "d-4"]
    assert [one.decision_id for one in narrow.items] == ["early"]


def test_outcomes_come_with_the_marks_of_learning(database: Database, store: SqlStore) -> None:
    for number in range(3):
        report(database, outcome(f"t-{number}", closed_at_ms=NOW_MS))
    report(database, outcome("early", closed_at_ms=NOW_MS - 1, corrects="unknown"))
    with database.write() as connection:
        marks: dict[str, Any] = {"learned_at_ms": 7, "pooled_at_ms": 8, "percent_per_r": 0.5}
        connection.execute(update(t.outcomes).where(t.outcomes.c.trade_id == "t-1").values(**marks))

    with store.read() as reading:
        found = pages(lambda cursor: reading.outcomes_in_order("ada", ALL, cursor, 2))

    told = [one for page in found for one in page]
    assert [one.stored.outcome.trade_id for one in told] == ["early", "t-0", "t-1", "t-2"]
    assert told[0].stored.waiting_for == "unknown"
    assert (told[2].learned_at_ms, told[2].pooled_at_ms, told[2].r) == (7, 8, 2.5)
    assert told[1].learned_at_ms is None
    with store.read() as reading:
        assert (reading.learned_last_ms("ada"), reading.learned_last_ms("bob")) == (8, None)


def test_adaptations_come_oldest_first(database: Database, store: SqlStore) -> None:
    for number, back in enumerate((0, 2, 1, 1)):
        adapted(database, f"a-{number}", NOW_MS - back)
    adapted(database, "foreign", user_id="bob")

    with store.read() as reading:
        found = pages(lambda cursor: reading.adaptations_in_order("ada", ALL, cursor, 1))
        none = reading.adaptations_in_order("ada", Period("ETHUSDT"), None, 10)

    assert [one.id for page in found for one in page] == ["a-1", "a-2", "a-3", "a-0"]
    assert none.items == ()
