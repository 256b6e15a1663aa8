"""PostgreSQL keeps decisions by month: each row lies in the partition of its time, under a BRIN index."""

import datetime
from collections.abc import Iterator

import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.partitions import ensure_partitions, month
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.sql import SqlStore
from tests.builders import decision


def at(year: int, month: int, day: int = 1, hour: int = 0) -> int:
    return int(datetime.datetime(year, month, day, hour, tzinfo=datetime.UTC).timestamp() * 1000)


@pytest.fixture
def months(postgres_url: str) -> Iterator[Database]:
    """A database of its own months: December 2031 to March 2032."""
    database = Database(postgres_url)
    with database.write() as connection:
        ensure_partitions(connection, at(2032, 1, 15))
    yield database
    database.close()


def where(database: Database) -> dict[str, str]:
    with database.read() as connection:
        rows = connection.exec_driver_sql("SELECT decision_id, tableoid::regclass::text FROM decisions").all()
    return {str(row[0]): str(row[1]) for row in rows}


def names(database: Database) -> set[str]:
    with database.read() as connection:
        found = connection.exec_driver_sql(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'decisions'::regclass"
        )
        return {str(row[0]) for row in found}


def test_a_decision_lies_in_the_partition_of_its_month(months: Database) -> None:
    DirectRecorder(months).record(
        [
            decision("last-of-2031", at_ms=at(2032, 1) - 1),
            decision("first-of-2032", at_ms=at(2032, 1)),
            decision("leap-day", at_ms=at(2032, 2, 29, 23)),
            decision("march", at_ms=at(2032, 3)),
        ],
        0,
    )

    assert where(months) == {
        "last-of-2031": "decisions_2031_12",
        "first-of-2032": "decisions_2032_01",
        "leap-day": "decisions_2032_02",
        "march": "decisions_2032_03",
    }


def test_a_decision_of_no_month_that_is_there_is_kept_and_found_all_the_same(months: Database) -> None:
    DirectRecorder(months).record([decision("far", at_ms=at(2099, 1))], 0)

    assert where(months) == {"far": "decisions_default"}
    with SqlStore(months).read() as reading:
        assert reading.decision("ada", "far") is not None


def test_last_month_this_one_and_the_next_two_are_made_ready(months: Database) -> None:
    expected = {f"decisions_{name}" for name in ("2031_12", "2032_01", "2032_02", "2032_03")}

    assert expected <= names(months)
    assert "decisions_2032_04" not in names(months)


def test_making_them_again_changes_nothing(months: Database) -> None:
    before = names(months)

    with months.write() as connection:
        ensure_partitions(connection, at(2032, 1, 31))

    assert names(months) == before


def test_a_month_whose_rows_lie_elsewhere_does_not_stop_the_others(months: Database) -> None:
    DirectRecorder(months).record([decision("stray", at_ms=at(2033, 6, 5))], 0)

    with months.write() as connection:
        ensure_partitions(connection, at(2033, 5, 15))

    assert "decisions_2033_06" not in names(months)
    assert {"decisions_2033_04", "decisions_2033_05", "decisions_2033_07"} <= names(months)
    assert where(months) == {"stray": "decisions_default"}


def test_every_partition_has_a_brin_index_over_time(months: Database) -> None:
    with months.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT tablename, indexdef FROM pg_indexes WHERE tablename LIKE 'decisions%%' AND indexdef LIKE '%%brin%%'"
        ).all()

    indexed = {str(row[0]) for row in rows if "evaluated_at_ms" in str(row[1])}
    assert names(months) <= indexed


def test_on_sqlite_nothing_is_asked_for(tmp_path: object) -> None:
    database = Database(f"sqlite:///{tmp_path}/empty.db")

    with database.write() as connection:
        ensure_partitions(connection, at(2032, 1))

    database.close()


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [(-1, (2031, 12)), (0, (2032, 1)), (1, (2032, 2)), (12, (2033, 1)), (-13, (2030, 12))],
)
def test_months_are_counted_over_the_turn_of_the_year(ahead: int, expected: tuple[int, int]) -> None:
    found = month(datetime.datetime(2032, 1, 31, tzinfo=datetime.UTC), ahead)

    assert (found.year, found.month, found.day) == (*expected, 1)
