"""A recorded decision comes back as it was, and shows when its row was changed."""

import pytest
from sqlalchemy import event, update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.decision_rows import HOUR_MS
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.types import Forecast
from ml_service.ports import Period
from tests.adapters.store.rows import ALL, write
from tests.builders import NOW_MS, decision, drawn, rejected, signal, taken


def test_a_decision_comes_back_with_everything_it_came_from(database: Database, store: SqlStore) -> None:
    given = signal("SELL", symbol="ETHUSDT", confidence=0.1 + 0.2, rsi=41.0, volume=1.5e9, reduce_only=True)
    made = decision(
        judged=given,
        forecast=Forecast(0.61, "m-1", "7", "sideways"),
        killed=True,
        degraded=("database_away",),
        snapshot_age_ms=1234,
    )

    write(database, made)

    with store.read() as reading:
        found = reading.decision("ada", "d-1")
        assert found is not None
        assert reading.is_untouched(found)
    assert found.signal == given
    assert found.verdict == made.verdict
    assert found.forecast == made.forecast
    assert (found.thresholds.revision, found.thresholds.values) == (0, made.thresholds.values)
    assert (found.killed, found.degraded, found.snapshot_age_ms) == (True, ("database_away",), 1234)


def test_what_was_left_to_chance_comes_back_with_its_chance(database: Database, store: SqlStore) -> None:
    made = [drawn(0.2, f"d-{number}") for number in range(20)]

    write(database, *made)

    with store.read() as reading:
        found = [reading.decision("ada", one.decision_id) for one in made]
        assert all(one is not None and reading.is_untouched(one) for one in found)
    assert [one.verdict for one in found if one is not None] == [one.verdict for one in made]
    assert {one.verdict.code for one in made} == {"explored", "limit_missed"}


def test_a_decision_of_another_user_is_not_found(database: Database, store: SqlStore) -> None:
    write(database, decision())

    with store.read() as reading:
        assert reading.decision("bob", "d-1") is None
        assert reading.decisions("bob", ALL, None, 10).items == ()


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        (Period(symbol="ETHUSDT"), ["d-2"]),
        (Period(kind="reject"), ["d-3"]),
        (Period(since_ms=NOW_MS + 2), ["d-3", "d-2"]),
        (Period(until_ms=NOW_MS + 2), ["d-1"]),
        (Period(since_ms=NOW_MS + 2, until_ms=NOW_MS + 3), ["d-2"]),
        (Period(symbol="ETHUSDT", kind="reject"), []),
    ],
)
def test_decisions_are_narrowed_by_symbol_kind_and_time(
    database: Database, store: SqlStore, period: Period, expected: list[str]
) -> None:
    write(database, taken("d-1", NOW_MS + 1), taken("d-2", NOW_MS + 2, "ETHUSDT"), rejected("d-3", NOW_MS + 3))

    with store.read() as reading:
        page = reading.decisions("ada", period, None, 10)

    assert [one.decision_id for one in page.items] == expected


def test_every_decision_of_a_time_span_is_walked_once_over_all_users(database: Database, store: SqlStore) -> None:
    write(
        database,
        *(decision(f"d-{number}", user_id=f"u{number % 3}", at_ms=NOW_MS + number // 5) for number in range(25)),
    )

    with store.read() as reading:
        found = [one.decision_id for one, _ in reading.decisions_between(NOW_MS, NOW_MS + 4)]

    assert sorted(found) == sorted(f"d-{number}" for number in range(20))


def test_years_without_a_decision_are_walked_over_in_a_moment(database: Database, store: SqlStore) -> None:
    year_ms = 365 * 24 * HOUR_MS
    moments = [NOW_MS - 3 * year_ms, NOW_MS - year_ms, NOW_MS - year_ms + HOUR_MS - 1, NOW_MS - 1]
    write(database, *(decision(f"d-{at_ms}", at_ms=at_ms) for at_ms in moments))

    looks: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *told: looks.append(told[2]))
    with store.read() as reading:
        found = [one.evaluated_at_ms for one, _ in reading.decisions_between(0, NOW_MS)]

    assert found == moments
    assert len(looks) < 200


def test_a_row_that_was_changed_after_it_was_written_shows(database: Database, store: SqlStore) -> None:
    write(database, rejected("d-1"), rejected("d-2"))
    with database.write() as connection:
        connection.execute(update(t.decisions).where(t.decisions.c.decision_id == "d-2").values(decision="take"))

    with store.read() as reading:
        untouched = {one.decision_id: whole for one, whole in reading.decisions_between(NOW_MS, NOW_MS + 1)}

    assert untouched == {"d-1": True, "d-2": False}
