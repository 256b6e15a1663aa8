"""The store, on SQLite and on PostgreSQL: what is written comes back, page by page, and counts once."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.sql import Committed, SqlStore
from ml_service.domain.audit import flaws
from ml_service.domain.events import ThresholdsChanged
from ml_service.domain.keys import ApiKey
from ml_service.domain.types import ANY_SYMBOL, Forecast
from ml_service.errors import InvalidInput
from ml_service.ports import Page, Period
from tests.builders import HASH, NOW_MS, SETTINGS, decision, kill, outcome, rejected, signal, taken, thresholds

ALL = Period()


def write(database: Database, *decisions: Any) -> None:
    DirectRecorder(database).record(decisions, 0)


def report(database: Database, *outcomes: Any, at_ms: int = NOW_MS) -> None:
    DirectRecorder(database).keep(outcomes, at_ms)


def pages(fetch: Callable[[str | None], Page[Any]]) -> list[list[Any]]:
    found, cursor = [], None
    while True:
        page = fetch(cursor)
        found.append(list(page.items))
        if page.next_cursor is None:
            return found
        cursor = page.next_cursor
        assert len(found) < 50


# Decisions


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


def test_a_decision_of_another_user_is_not_found(database: Database, store: SqlStore) -> None:
    write(database, decision())

    with store.read() as reading:
        assert reading.decision("bob", "d-1") is None
        assert reading.decisions("bob", ALL, None, 10).items == ()


def test_decisions_come_newest_first_page_by_page_each_once(database: Database, store: SqlStore) -> None:
    # Two of each moment: a cursor of times alone would lose or repeat one.
    write(database, *(decision(f"d-{number}", at_ms=NOW_MS + number // 2) for number in range(7)))

    with store.read() as reading:
        found = pages(lambda cursor: reading.decisions("ada", ALL, cursor, 3))

    assert [[one.decision_id for one in page] for page in found] == [
        ["d-6", "d-5", "d-4"],
        ["d-3", "d-2", "d-1"],
        ["d-0"],
    ]


def test_a_page_that_is_exactly_full_has_no_next_one(database: Database, store: SqlStore) -> None:
    write(database, decision("d-1"), decision("d-2"))

    with store.read() as reading:
        assert reading.decisions("ada", ALL, None, 2).next_cursor is None


def test_a_page_does_not_move_when_newer_decisions_arrive(database: Database, store: SqlStore) -> None:
    write(database, *(decision(f"d-{number}", at_ms=NOW_MS + number) for number in range(4)))
    with store.read() as reading:
        first = reading.decisions("ada", ALL, None, 2)

    write(database, decision("d-9", at_ms=NOW_MS + 9))

    with store.read() as reading:
        second = reading.decisions("ada", ALL, first.next_cursor, 2)
    assert [one.decision_id for one in second.items] == ["d-1", "d-0"]


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


@pytest.mark.parametrize("cursor", ["", "x", "1", "x~d", "1~2~3", f"{10**30}~d"])
def test_a_cursor_that_is_none_of_ours_is_refused(store: SqlStore, cursor: str) -> None:
    with pytest.raises(InvalidInput), store.read() as reading:
        reading.decisions("ada", ALL, cursor, 10)


def test_every_decision_of_a_time_span_is_walked_once_over_all_users(database: Database, store: SqlStore) -> None:
    write(
        database,
        *(decision(f"d-{number}", user_id=f"u{number % 3}", at_ms=NOW_MS + number // 5) for number in range(25)),
    )

    with store.read() as reading:
        found = [one.decision_id for one, _ in reading.decisions_between(NOW_MS, NOW_MS + 4)]

    assert sorted(found) == sorted(f"d-{number}" for number in range(20))


def test_a_row_that_was_changed_after_it_was_written_shows(database: Database, store: SqlStore) -> None:
    write(database, rejected("d-1"), rejected("d-2"))
    with database.write() as connection:
        connection.execute(update(t.decisions).where(t.decisions.c.decision_id == "d-2").values(decision="take"))

    with store.read() as reading:
        untouched = {one.decision_id: whole for one, whole in reading.decisions_between(NOW_MS, NOW_MS + 1)}

    assert untouched == {"d-1": True, "d-2": False}


# Outcomes


def test_an_outcome_comes_back_as_it_was_reported(database: Database, store: SqlStore) -> None:
    told = outcome(
        accepted=False,
        side="SELL",
        fees=0.5,
        entry_price=101.25,
        exit_price=100.0,
        quantity=3.0,
        risk=4.0,
        opened_at_ms=NOW_MS - 9000,
        closed_at_ms=NOW_MS - 1000,
        corrects="t-0",
        ignored={"venue": "x"},
    )

    report(database, told)

    with store.read() as reading:
        (found,) = reading.outcomes("ada", ALL, None, 10).items
    assert found.outcome == told
    assert (found.received_at_ms, found.match, found.quarantined) == (NOW_MS, "none", None)


def test_outcomes_go_by_closing_time_else_by_arrival(database: Database, store: SqlStore) -> None:
    report(database, outcome("late", closed_at_ms=NOW_MS - 50), outcome("undated"))
    report(database, outcome("early", closed_at_ms=NOW_MS - 100))

    with store.read() as reading:
        found = pages(lambda cursor: reading.outcomes("ada", ALL, cursor, 1))

    assert [page[0].outcome.trade_id for page in found] == ["undated", "late", "early"]


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        (Period(kind="accepted"), {"t-1", "t-3"}),
        (Period(kind="rejected"), {"t-2"}),
        (Period(kind="quarantined"), {"t-3"}),
        (Period(symbol="ETHUSDT"), {"t-2"}),
        (Period(since_ms=NOW_MS), {"t-1", "t-2", "t-3"}),
        (Period(until_ms=NOW_MS), set()),
    ],
)
def test_outcomes_are_narrowed_by_kind_symbol_and_time(
    database: Database, store: SqlStore, period: Period, expected: set[str]
) -> None:
    report(
        database,
        outcome("t-1"),
        outcome("t-2", accepted=False, symbol="ETHUSDT"),
        outcome("t-3", pnl_percent=5000.0),
    )

    with store.read() as reading:
        found = reading.outcomes("ada", period, None, 10).items

    assert {one.outcome.trade_id for one in found} == expected


# Thresholds


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


# The snapshot's questions


def key(key_id: str = "k1", **fields: Any) -> ApiKey:
    return ApiKey(id=key_id, sha256="a" * 64, scope="user", users=("ada",), created_at_ms=NOW_MS, **fields)


def test_a_newcomer_gets_everything_and_hears_nothing_twice(store: SqlStore) -> None:
    with store.begin() as tx:
        tx.save_thresholds(thresholds())
        tx.save_key(key())
        tx.save_kill(kill())

    with store.read() as reading:
        first = reading.changes_since("", -1)
        assert first is not None
        again = reading.changes_since(first.store_id, first.generation)

    assert first.full
    assert (first.thresholds, first.keys, first.kills) == ((thresholds(),), (key(),), (kill(),))
    assert again is None


def test_afterwards_only_what_moved_is_told(store: SqlStore) -> None:
    with store.begin() as tx:
        tx.save_thresholds(thresholds())
        tx.save_thresholds(thresholds("bob"))
        tx.save_key(key())
    with store.read() as reading:
        before = reading.changes_since("", -1)
    assert before is not None

    with store.begin() as tx:
        tx.save_thresholds(thresholds(revision=2))
        tx.save_key(key(revoked_at_ms=NOW_MS))

    with store.read() as reading:
        delta = reading.changes_since(before.store_id, before.generation)
    assert delta is not None
    assert not delta.full
    assert delta.generation == before.generation + 1
    assert [(row.user_id, row.revision) for row in delta.thresholds] == [("ada", 2)]
    assert delta.keys == (key(revoked_at_ms=NOW_MS),)
    assert delta.kills == ()


@pytest.mark.parametrize(("store_id", "ahead"), [("another", 0), (None, 5)])
def test_another_store_or_an_older_one_answers_with_everything(
    store: SqlStore, store_id: str | None, ahead: int
) -> None:
    with store.begin() as tx:
        tx.save_thresholds(thresholds())
    with store.read() as reading:
        known = reading.changes_since("", -1)
        assert known is not None
        found = reading.changes_since(store_id or known.store_id, known.generation + ahead)

    assert found is not None
    assert found.full
    assert found.thresholds == (thresholds(),)


def test_decisions_and_outcomes_do_not_move_the_generation(database: Database, store: SqlStore) -> None:
    with store.read() as reading:
        before = reading.changes_since("", -1)
    assert before is not None

    write(database, decision())
    report(database, outcome())

    with store.read() as reading:
        assert reading.changes_since(before.store_id, before.generation) is None


def test_a_commit_tells_its_generation_and_the_head_of_the_audit_chain(database: Database) -> None:
    told: list[Committed] = []
    store = SqlStore(database, told.append)

    with store.begin() as tx:
        tx.save_kill(kill())
        head = tx.append_audit(NOW_MS, "ada", "kill_switch.on", "*", {})
    with store.begin() as tx:
        tx.save_cursor("c", "1")

    assert [one.audit_head for one in told] == [head]
    assert told[0].generation is not None


def test_a_transaction_that_fails_leaves_nothing_behind_and_tells_nobody(database: Database) -> None:
    told: list[Committed] = []
    store = SqlStore(database, told.append)

    def write_and_fail() -> None:
        with store.begin() as tx:
            tx.save_thresholds(thresholds())
            tx.append_audit(NOW_MS, "ada", "thresholds.set", "ada/*", {})
            tx.publish(ThresholdsChanged("ada", ANY_SYMBOL, 1, "set"), NOW_MS)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()

    with store.read() as reading:
        assert reading.thresholds_revision("ada", ANY_SYMBOL, 1) is None
        assert list(reading.audit_entries(0, None)) == []
        assert reading.counts(0)["events_waiting"] == 0
    assert told == []


# Counts, keys, settings, cursors, audit


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


@pytest.mark.parametrize("users", [None, ("ada",), ("ada", "bob")])
def test_a_key_comes_back_with_its_users(store: SqlStore, users: tuple[str, ...] | None) -> None:
    made = ApiKey("k1", "b" * 64, "service", users, "name", NOW_MS, NOW_MS + 5, None)

    with store.begin() as tx:
        tx.save_key(made)

    with store.read() as reading:
        assert reading.all_keys() == (made,)


def test_a_settings_document_is_stored_once(store: SqlStore) -> None:
    with store.begin() as tx:
        first = tx.save_settings_document(HASH, SETTINGS.document(), NOW_MS)
        second = tx.save_settings_document(HASH, SETTINGS.document(), NOW_MS + 1)

    assert (first, second) == (True, False)
    with store.read() as reading:
        assert reading.settings_document(HASH) == SETTINGS.document()
        assert reading.settings_document("unknown") is None


def test_a_cursor_is_replaced_by_the_next(store: SqlStore) -> None:
    for value in ("1", "2"):
        with store.begin() as tx:
            tx.save_cursor("trades", value)

    with store.read() as reading:
        assert reading.cursor("trades") == "2"
        assert reading.cursor("other") is None


def test_audit_entries_of_many_writers_form_one_chain(store: SqlStore) -> None:
    def work(number: int) -> None:
        for _ in range(5):
            with store.begin() as tx:
                tx.append_audit(NOW_MS, f"writer-{number}", "x", "y", {"n": 0.1, "text": "é"})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store.read() as reading:
        entries = list(reading.audit_entries(0, None))
    assert [entry.sequence for entry in entries] == list(range(1, 31))
    assert list(flaws(entries, (30, entries[-1].hash))) == []


def test_audit_entries_are_paged_by_number(store: SqlStore) -> None:
    with store.begin() as tx:
        for _ in range(5):
            tx.append_audit(NOW_MS, "ada", "x", "y", {})

    with store.read() as reading:
        assert [entry.sequence for entry in reading.audit_entries(2, 2)] == [3, 4]
        assert [entry.sequence for entry in reading.audit_entries(4, 10)] == [5]
