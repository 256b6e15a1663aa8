"""Thresholds set by hand: every change a revision, none lost, none twice."""

import threading
from collections.abc import Mapping

import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.audit import flaws
from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.types import ANY_SYMBOL, GatePolicy, Limits, Thresholds
from ml_service.errors import Conflict, InvalidInput
from ml_service.usecases.set_thresholds import Reset, Set, set_thresholds
from tests.builders import HASH, NOW_MS, policy, values


def change(
    store: SqlStore,
    wanted: Mapping[str, float] | None,
    symbol: str = ANY_SYMBOL,
    user_id: str = "ada",
    at_ms: int = NOW_MS,
    gate: GatePolicy | None = None,
) -> Thresholds:
    return set_thresholds(
        user_id,
        symbol,
        Set(wanted) if wanted is not None else Reset(),
        reason="a test",
        actor="tester",
        policy=gate or policy(),
        settings_hash=HASH,
        now_ms=at_ms,
        store=store,
    )


def history(store: SqlStore, symbol: str = ANY_SYMBOL) -> list[Thresholds]:
    with store.read() as reading:
        return list(reading.thresholds_history("ada", symbol, None, 1000).items)


def test_the_first_change_starts_from_the_defaults(store: SqlStore) -> None:
    following = change(store, {"rsi_threshold": 75.0})

    assert (following.revision, following.source) == (1, "set")
    assert following.values == values(rsi_threshold=75.0)


def test_a_later_change_keeps_what_the_earlier_one_set(store: SqlStore) -> None:
    change(store, {"rsi_threshold": 75.0})

    following = change(store, {"macd_threshold": 0.05})

    assert following.revision == 2
    assert following.values == values(rsi_threshold=75.0, macd_threshold=0.05)


def test_a_symbol_starts_from_the_row_for_all_symbols(store: SqlStore) -> None:
    change(store, {"rsi_threshold": 75.0})

    following = change(store, {"macd_threshold": 0.05}, "BTCUSDT")

    assert (following.revision, following.symbol) == (1, "BTCUSDT")
    assert following.values == values(rsi_threshold=75.0, macd_threshold=0.05)


def test_a_symbol_that_moved_by_itself_is_left_alone_afterwards(store: SqlStore) -> None:
    change(store, {"macd_threshold": 0.05}, "BTCUSDT")

    change(store, {"rsi_threshold": 75.0})

    assert history(store, "BTCUSDT")[0].values["rsi_threshold"] == 70.0


def test_a_change_that_changes_nothing_makes_no_revision(store: SqlStore) -> None:
    change(store, {"rsi_threshold": 75.0})

    again = change(store, {"rsi_threshold": 75.0})

    assert again.revision == 1
    assert len(history(store)) == 1


def test_a_reset_puts_every_default_back_as_a_revision(store: SqlStore) -> None:
    change(store, {"rsi_threshold": 75.0, "macd_threshold": 0.05})

    following = change(store, None)

    assert (following.revision, following.source, following.values) == (2, "reset", values())


def test_a_reset_of_one_symbol_goes_to_the_defaults_and_not_to_its_parent(store: SqlStore) -> None:
    change(store, {"rsi_threshold": 75.0})
    change(store, {"macd_threshold": 0.05}, "BTCUSDT")

    assert change(store, None, "BTCUSDT").values == values()


def test_a_wrong_value_changes_nothing_at_all(store: SqlStore) -> None:
    with pytest.raises(InvalidInput):
        change(store, {"rsi_threshold": 75.0, "macd_threshold": 9.0})

    assert history(store) == []
    with store.read() as reading:
        assert list(reading.audit_entries(0, None)) == []


def test_values_outside_newly_drawn_bounds_are_brought_inside_with_the_next_change(store: SqlStore) -> None:
    change(store, {"rsi_threshold": 90.0})
    narrow = dict(policy()) | {"rsi_threshold": Limits(70.0, 60.0, 80.0)}

    assert change(store, {"macd_threshold": 0.05}, gate=narrow).values["rsi_threshold"] == 80.0


def test_time_never_runs_backwards_in_the_history(store: SqlStore) -> None:
    change(store, {"rsi_threshold": 75.0}, at_ms=NOW_MS)

    assert change(store, {"rsi_threshold": 76.0}, at_ms=NOW_MS - 60_000).changed_at_ms == NOW_MS


def test_each_change_leaves_an_audit_entry_and_an_event(store: SqlStore) -> None:
    change(store, {"rsi_threshold": 75.0})
    change(store, None)

    with store.read() as reading:
        entries = list(reading.audit_entries(0, None))
        assert reading.counts(0)["events_waiting"] == 2
    assert [(entry.action, entry.subject, entry.actor) for entry in entries] == [
        ("thresholds.set", "ada/*", "tester"),
        ("thresholds.reset", "ada/*", "tester"),
    ]
    assert entries[0].details == {"revision": 1, "moved": {"rsi_threshold": [70.0, 75.0]}, "reason": "a test"}
    assert list(flaws(entries, None)) == []


def test_no_user_changes_those_of_another(store: SqlStore) -> None:
    change(store, {"rsi_threshold": 75.0}, user_id="bob")

    assert history(store) == []


# Many at once, on both databases

WRITERS = 8
ROUNDS = 6


def in_threads(work: list[threading.Thread]) -> None:
    for thread in work:
        thread.start()
    for thread in work:
        thread.join(60)
        assert not thread.is_alive()


def test_many_writers_at_once_leave_revisions_without_gaps_and_lose_no_change(database: Database) -> None:
    store = SqlStore(database)
    refused: list[Exception] = []
    done: list[Thresholds] = []

    def write(number: int) -> None:
        # Six writers own one parameter each: whatever the others do, the last value of each must stand.
        name = list(PARAMETERS)[number % len(PARAMETERS)]
        parameter = PARAMETERS[name]
        for step in range(1, ROUNDS + 1):
            while True:
                try:
                    done.append(change(store, {name: parameter.low + (parameter.high - parameter.low) * step / 10}))
                    break
                except Conflict as error:
                    refused.append(error)

    in_threads([threading.Thread(target=write, args=(number,)) for number in range(len(PARAMETERS))])

    rows = history(store)
    assert [row.revision for row in rows] == list(range(len(PARAMETERS) * ROUNDS, 0, -1))
    assert sorted(row.revision for row in done) == list(range(1, len(rows) + 1))
    assert rows[0].values == {
        name: parameter.low + (parameter.high - parameter.low) * ROUNDS / 10 for name, parameter in PARAMETERS.items()
    }


def test_every_revision_differs_from_the_one_before_in_what_its_writer_changed(database: Database) -> None:
    store = SqlStore(database)

    def write(number: int) -> None:
        for step in range(ROUNDS):
            while True:
                try:
                    change(store, {"rsi_threshold": 50.0 + number + step / 10})
                    break
                except Conflict:
                    continue

    in_threads([threading.Thread(target=write, args=(number,)) for number in range(WRITERS)])

    with store.read() as reading:
        entries = list(reading.audit_entries(0, None))
    steps = [entry.details["moved"]["rsi_threshold"] for entry in entries]
    # Each entry starts where the one before it ended: nobody built on a value that was no longer there.
    assert [before for before, _ in steps] == [70.0, *(after for _, after in steps[:-1])]
    assert [entry.details["revision"] for entry in entries] == list(range(1, WRITERS * ROUNDS + 1))
    assert list(flaws(entries, None)) == []


def test_a_writer_among_a_few_is_not_turned_away(database: Database) -> None:
    """A user's own bot and its operator at the same moment must not hear of each other."""
    store = SqlStore(database)
    refused: list[Exception] = []

    def write(number: int) -> None:
        for step in range(ROUNDS):
            try:
                change(store, {"rsi_threshold": 50.0 + number + step / 10})
            except Conflict as error:
                refused.append(error)

    in_threads([threading.Thread(target=write, args=(number,)) for number in range(4)])

    assert refused == []
