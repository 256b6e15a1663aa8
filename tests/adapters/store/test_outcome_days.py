"""A day of outcomes has a new stamp after every change to one of its rows, and only then."""

import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import insert, select

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import outcome_row
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.outcome_days import note_changed
from ml_service.adapters.store.retention import SqlRetention
from ml_service.adapters.store.schema import downgrade, upgrade
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.learner import CycleRecord, Learner
from ml_service.domain.outcomes import DAY_MS, StoredOutcome
from tests.adapters.store.rows import report
from tests.builders import NOW_MS, outcome

TODAY = NOW_MS // DAY_MS


def stamps(database: Database, user_id: str = "ada") -> dict[int, int]:
    d = t.outcome_days.c
    with database.read() as connection:
        return {row.day: row.stamp for row in connection.execute(select(d.day, d.stamp).where(d.user_id == user_id))}


def test_an_outcome_stamps_its_own_day_alone(database: Database) -> None:
    report(database, outcome("t-1"), outcome("t-2", closed_at_ms=NOW_MS - DAY_MS))
    before = stamps(database)

    report(database, outcome("t-3", closed_at_ms=NOW_MS - DAY_MS), outcome("t-4", user_id="bob"))

    after = stamps(database)
    assert set(before) == set(after) == {TODAY - 1, TODAY}
    assert after[TODAY] == before[TODAY]
    assert after[TODAY - 1] != before[TODAY - 1]


def test_a_repeat_changes_nothing(database: Database) -> None:
    report(database, outcome("t-1"))
    before = stamps(database)

    report(database, outcome("t-1"))

    assert stamps(database) == before


def test_a_pruned_row_stamps_the_day_that_it_leaves(database: Database) -> None:
    report(database, outcome("old", closed_at_ms=NOW_MS - 9 * DAY_MS), outcome("new"))
    before = stamps(database)

    assert SqlRetention(database).drop_outcomes(NOW_MS - DAY_MS, 10) == 1

    after = stamps(database)
    assert after[TODAY - 9] != before[TODAY - 9]
    assert after[TODAY] == before[TODAY]


def test_a_change_that_is_taken_back_leaves_no_stamp(database: Database) -> None:
    report(database, outcome("t-1"))
    before = stamps(database)

    try:
        with database.write() as connection:
            note_changed(connection, "ada", NOW_MS)
            raise InterruptedError
    except InterruptedError:
        pass

    assert stamps(database) == before


def test_a_day_begins_at_midnight_also_before_1970(database: Database, store_url: str) -> None:
    # What the migration stamps is what `note_changed` would.
    times = (-DAY_MS - 1, -DAY_MS, -1, 0, DAY_MS - 1, DAY_MS, NOW_MS)
    stored = [
        StoredOutcome(outcome(f"t{place}", closed_at_ms=at), NOW_MS, "none", None, None)
        for place, at in enumerate(times)
    ]
    with database.write() as connection:
        connection.execute(insert(t.outcomes), [outcome_row(one) for one in stored])

    downgrade(store_url, "0002")
    upgrade(store_url)

    assert set(stamps(database)) == {-2, -1, 0, 1, TODAY}


def test_a_lesson_that_was_learned_stamps_its_day(database: Database, store: SqlStore) -> None:
    report(database, outcome("t-1"), outcome("t-2", closed_at_ms=NOW_MS - DAY_MS))
    before = stamps(database)
    o = t.outcomes.c
    with database.read() as connection:
        ids = connection.execute(select(o.id).where(o.trade_id == "t-2")).scalars().all()

    learner = Learner("ada", "BTCUSDT", revision=1, adapted_at_ms=NOW_MS)
    store.save_cycles([CycleRecord(learner, ids, (), 1.5, None, measured=(NOW_MS - DAY_MS,))])

    after = stamps(database)
    assert after[TODAY - 1] != before[TODAY - 1]
    assert after[TODAY] == before[TODAY]


def test_two_who_change_the_same_days_in_opposite_order_do_not_lock_each_other_out(database: Database) -> None:
    if database.is_sqlite:
        return  # one writer at a time
    both_noted = threading.Barrier(2, timeout=10)

    def change(days: list[int]) -> None:
        with database.write() as connection:
            for day in days:
                note_changed(connection, "ada", day * DAY_MS)
            both_noted.wait()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(change, days) for days in ([1, 2, 3], [3, 2, 1])]:
            done.result(20)

    assert set(stamps(database)) == {1, 2, 3}
