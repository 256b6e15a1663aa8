"""The recorder: the database while it answers, the journal while it is away, and home again, each row once."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.journal import Journal
from ml_service.adapters.store.recorder import PAUSE_MS, DirectRecorder, GroupRecorder, Patience
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.types import Decision, RecordedDecision
from ml_service.errors import NotKept, StoreUnavailable
from ml_service.ports import Period
from tests.builders import NOW_MS, decision, outcome, rejected, taken
from tests.fakes import Mark, SwitchedDatabase

WAIT_MS = 2_000.0
SOON = 10.0


class Bench:
    """A recorder with its database and its journal in reach."""

    def __init__(self, url: str, folder: Path) -> None:
        self.database = SwitchedDatabase(url)
        self.journal = Journal(folder, Mark())
        self.troubles: list[str] = []
        patience = Patience(journal_wait_ms=2_000, outcome_wait_ms=2_000)
        self.recorder = GroupRecorder(self.database, self.journal, patience, self.troubles.append)

    def back(self) -> None:
        """The database answers again, and everything that waited has gone over."""
        self.database.away = False
        until(lambda: self.recorder.waiting_rows() == 0)

    def count(self, table: Any) -> int:
        with self.database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    def close(self) -> None:
        self.recorder.close()
        self.journal.close()
        self.database.close()


@pytest.fixture
def bench(store_url: str, tmp_path: Path) -> Iterator[Bench]:
    opened = Bench(store_url, tmp_path / "host")
    yield opened
    opened.close()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def statuses(receipts: Sequence[Any]) -> list[tuple[str, str]]:
    return [(one.status, one.kept) for one in receipts]


# While the database answers


def test_a_decision_goes_into_the_database(bench: Bench) -> None:
    (told,) = bench.recorder.record([taken("d-1")], WAIT_MS)

    assert (told.kept, told.earlier) == ("database", None)
    assert (bench.count(t.decisions), bench.journal.count()) == (1, 0)


def test_an_outcome_goes_into_the_database(bench: Bench) -> None:
    told = bench.recorder.keep([outcome("t-1"), outcome("t-2"), outcome("t-1")], NOW_MS)

    assert statuses(told) == [("created", "database"), ("created", "database"), ("duplicate", "database")]
    assert bench.count(t.outcomes) == 2


def test_one_bad_report_does_not_fail_those_that_share_its_commit(bench: Bench) -> None:
    # Stands for any trouble with one row alone: no column takes a complex number.
    bad = outcome("bad", pnl=complex(1, 1))

    with pytest.raises(NotKept):
        bench.recorder.keep([bad], NOW_MS)
    told = bench.recorder.keep([outcome("good")], NOW_MS)

    assert statuses(told) == [("created", "database")]


# While it is away


def test_with_the_database_away_the_journal_takes_both(bench: Bench) -> None:
    bench.database.away = True

    (recorded,) = bench.recorder.record([taken("d-1")], WAIT_MS)
    (receipt,) = bench.recorder.keep([outcome()], NOW_MS)

    assert recorded.kept == receipt.kept == "journal"
    assert bench.recorder.waiting_rows() == 2
    assert bench.troubles == []


@contextmanager
def held_up(bench: Bench) -> Iterator[None]:
    """The journal's disk does not come round before the block has ended."""
    free = threading.Event()
    write = bench.journal.write

    def late(group: Sequence[Any]) -> list[Any]:
        free.wait(SOON)
        return write(group)

    bench.recorder._side._write = late
    try:
        yield
    finally:
        free.set()


@pytest.mark.parametrize(("remaining_ms", "seconds_max"), [(0.0, 0.5), (100.0, 1.0)])
def test_a_caller_in_a_hurry_does_not_wait_for_a_slow_journal(
    bench: Bench, remaining_ms: float, seconds_max: float
) -> None:
    bench.database.away = True

    with held_up(bench):
        began = time.monotonic()
        (told,) = bench.recorder.record([taken("d-1")], WAIT_MS, remaining_ms)
        took = time.monotonic() - began

    assert told.kept is None
    assert remaining_ms / 1000 <= took < seconds_max
    bench.database.away = False
    until(lambda: bench.count(t.decisions) == 1)


def test_what_the_wait_for_the_commit_has_used_up_is_not_waited_again(bench: Bench) -> None:
    holding = threading.Event()
    write = bench.database.write

    @contextmanager
    def stuck(synced: bool = True, over: Connection | None = None) -> Iterator[Connection]:
        holding.wait(SOON)
        with write(synced, over) as connection:
            yield connection

    bench.database.write = stuck  # type: ignore[method-assign]  # the world outside, silent
    with held_up(bench):
        began = time.monotonic()
        told = bench.recorder.record([taken(f"d-{number}") for number in range(250)], 150.0, 200.0)
        took = time.monotonic() - began
    holding.set()

    assert {one.kept for one in told} == {None}
    assert 0.2 <= took < 1.0
    until(lambda: bench.count(t.decisions) == 250)


def test_repeats_are_known_from_the_journal(bench: Bench) -> None:
    bench.database.away = True
    bench.recorder.keep([outcome(pnl=1.0)], NOW_MS)
    bench.recorder.record([taken("own")], WAIT_MS)

    told = bench.recorder.keep([outcome(pnl=1.0), outcome(pnl=2.0), outcome("t-2")], NOW_MS)
    (again,) = bench.recorder.record([rejected("own")], WAIT_MS)

    assert statuses(told) == [("duplicate", "journal"), ("conflict", "journal"), ("created", "journal")]
    assert again.earlier is not None
    assert again.earlier.verdict.decision == "take"


def test_after_a_failure_the_database_is_left_alone_for_a_moment(bench: Bench) -> None:
    attempts = []
    write = bench.database.write

    @contextmanager
    def counted(synced: bool = True, over: Connection | None = None) -> Iterator[Connection]:
        attempts.append(time.monotonic())
        with write(synced, over) as connection:
            yield connection

    bench.database.write = counted  # type: ignore[method-assign]  # the world outside, counted
    bench.database.away = True

    began = time.monotonic()
    for _ in range(20):
        bench.recorder.record([decision()], WAIT_MS)

    took_ms = (time.monotonic() - began) * 1000
    assert len(attempts) <= 2 + took_ms / PAUSE_MS


def test_what_waited_comes_home_each_row_once(bench: Bench) -> None:
    bench.database.away = True
    bench.recorder.record([decision(f"d-{number}") for number in range(5)], WAIT_MS)
    bench.recorder.keep([outcome(f"t-{number}", decision_id=f"d-{number}") for number in range(5)], NOW_MS)

    bench.back()

    store = SqlStore(bench.database)
    with store.read() as reading:
        outcomes = reading.outcomes("ada", Period(), None, 10).items
        decisions = reading.decisions("ada", Period(), None, 10).items
        assert all(reading.is_untouched(one) for one in decisions)
    assert sorted(one.outcome.trade_id for one in outcomes) == [f"t-{number}" for number in range(5)]
    # Decisions go over first, so that outcomes find theirs.
    assert {one.match for one in outcomes} == {"decision_id"}
    assert len(decisions) == 5


def test_a_repeat_after_the_way_home_is_still_a_duplicate(bench: Bench) -> None:
    bench.database.away = True
    bench.recorder.keep([outcome()], NOW_MS)
    bench.back()

    until(lambda: bench.recorder.keep([outcome()], NOW_MS)[0].kept == "database")

    assert statuses(bench.recorder.keep([outcome(), outcome(pnl=-1.0)], NOW_MS)) == [
        ("duplicate", "database"),
        ("conflict", "database"),
    ]
    assert bench.count(t.outcomes) == 1


def test_a_row_that_was_carried_over_but_not_dropped_counts_once(bench: Bench) -> None:
    """As after a crash between the two."""
    bench.database.away = True
    bench.recorder.keep([outcome()], NOW_MS)
    bench.recorder.record([taken("d-1")], WAIT_MS)
    DirectRecorder(other := Database(bench.database.url)).keep([outcome()], NOW_MS)
    DirectRecorder(other).record([taken("d-1")], WAIT_MS)
    other.close()

    bench.back()

    assert (bench.count(t.outcomes), bench.count(t.decisions)) == (1, 1)
    assert bench.count(t.journal_conflicts) == 0


def test_what_contradicts_the_database_is_kept_in_sight(bench: Bench) -> None:
    bench.database.away = True
    bench.recorder.keep([outcome(pnl=2.0)], NOW_MS)
    bench.recorder.record([rejected("own")], WAIT_MS)
    other = Database(bench.database.url)
    DirectRecorder(other).keep([outcome(pnl=1.0)], NOW_MS)
    DirectRecorder(other).record([taken("own")], WAIT_MS)
    other.close()

    bench.back()

    with bench.database.read() as connection:
        conflicts = connection.execute(select(t.journal_conflicts.c.kind, t.journal_conflicts.c.record_id)).all()
        events = connection.execute(select(t.events.c.kind)).scalars().all()
        kept = connection.execute(select(t.outcomes.c.pnl)).scalar_one()
    assert sorted(map(tuple, conflicts)) == [("decision", "own"), ("outcome", "t-1")]
    assert sorted(events) == ["journal.conflict_found"] * 2 + ["outcome.reported"]
    assert kept == 1.0


def test_a_row_the_database_never_takes_does_not_hold_up_those_behind_it(bench: Bench) -> None:
    bench.database.away = True
    bench.recorder.keep([outcome("bad"), outcome("good")], NOW_MS)
    entries = bench.journal._database
    with entries.write() as connection:
        # A side that no column takes, as a damaged row might hold.
        connection.exec_driver_sql(
            """UPDATE entries SET payload = replace(payload, '"symbol":"BTCUSDT"', '"symbol":null')
            WHERE record_id = 'bad'"""
        )

    bench.back()

    with bench.database.read() as connection:
        stored = connection.execute(select(t.outcomes.c.trade_id)).scalars().all()
        refused = connection.execute(select(t.journal_conflicts.c.kind, t.journal_conflicts.c.record_id)).all()
    assert stored == ["good"]
    assert list(map(tuple, refused)) == [("refused", "bad")]


# While nothing takes anything


class FullDisk(Journal):
    """A journal whose disk is full, until it is not."""

    full = True

    def write(self, group: Sequence[Any]) -> list[Any]:
        if self.full:
            raise StoreUnavailable("no space left on device")
        return super().write(group)


@pytest.fixture
def stuck(store_url: str, tmp_path: Path) -> Iterator[tuple[GroupRecorder, FullDisk, SwitchedDatabase, list[str]]]:
    database, journal, troubles = SwitchedDatabase(store_url), FullDisk(tmp_path / "host", Mark()), list[str]()
    database.away = True
    patience = Patience(journal_wait_ms=2_000, outcome_wait_ms=2_000, unrecorded_rows_max=3)
    recorder = GroupRecorder(database, journal, patience, troubles.append)
    yield recorder, journal, database, troubles
    journal.full = False
    recorder.close()
    journal.close()
    database.close()


def test_with_the_disk_full_as_well_the_answer_says_unrecorded_and_the_row_waits(stuck: Any) -> None:
    recorder, journal, database, troubles = stuck

    (told,) = recorder.record([taken("d-1")], WAIT_MS)

    assert told.kept is None
    assert troubles
    journal.full = database.away = False
    until(lambda: recorder.waiting_rows() == 0)
    with database.read() as connection:
        assert connection.execute(select(t.decisions.c.decision_id)).scalars().all() == ["d-1"]


def test_with_the_disk_full_as_well_an_outcome_is_not_acknowledged(stuck: Any) -> None:
    recorder, journal, _, _ = stuck

    with pytest.raises(NotKept):
        recorder.keep([outcome()], NOW_MS)

    assert journal.count() == 0


def test_the_rows_that_wait_in_memory_are_bounded(stuck: Any) -> None:
    recorder, _, _, troubles = stuck

    for number in range(6):
        recorder.record([taken(f"d-{number}")], WAIT_MS)

    assert recorder.waiting_rows() <= 3
    assert any("lost" in trouble for trouble in troubles)


# Closing


def test_closing_writes_what_is_still_queued(store_url: str, tmp_path: Path) -> None:
    bench = Bench(store_url, tmp_path / "host")
    for number in range(50):
        bench.recorder.record([taken(f"d-{number}")], wait_ms=0)

    bench.recorder.close()

    assert bench.count(t.decisions) + bench.journal.count() >= 50
    bench.journal.close()
    bench.database.close()


def test_a_decision_that_ran_out_of_patience_is_recorded_once_all_the_same(bench: Bench) -> None:
    for number in range(30):
        bench.recorder.record([taken(f"d-{number}")], wait_ms=0)

    bench.back()

    assert bench.count(t.decisions) == 30
    assert bench.count(t.journal_conflicts) == 0


@contextmanager
def busy(bench: Bench) -> Iterator[None]:
    """Holds the writer of SQLite, or the keys of PostgreSQL, for as long as the block lasts."""
    blocker = Database(bench.database.url)
    with blocker.write() as connection:
        if not bench.database.is_sqlite:
            connection.exec_driver_sql("LOCK TABLE decision_keys IN ACCESS EXCLUSIVE MODE")
        connection.execute(update(t.generations).values(value=t.generations.c.value))
        yield
    blocker.close()


def test_a_slow_database_is_given_up_within_the_wait(bench: Bench) -> None:
    with busy(bench):
        began = time.monotonic()
        (told,) = bench.recorder.record([taken("d-1")], wait_ms=25)
        took = time.monotonic() - began

    assert told.kept == "journal"
    assert took < 1.0


def test_two_that_name_one_id_while_the_database_is_slow_hear_one_answer(bench: Bench) -> None:
    first, second = taken("own"), rejected("own")
    answers: dict[str, RecordedDecision] = {}

    def ask(name: str, decision: Decision, wait_ms: float) -> None:
        (answers[name],) = bench.recorder.record([decision], wait_ms)

    with busy(bench):
        # Something is in the writer's hands, so that what follows waits in the queue.
        bench.recorder.record([taken("another")], wait_ms=50)
        hasty = threading.Thread(target=ask, args=("hasty", first, 200.0))
        patient = threading.Thread(target=ask, args=("patient", second, WAIT_MS))
        hasty.start()
        time.sleep(0.05)
        patient.start()
        hasty.join()
    patient.join()
    bench.back()

    assert (answers["hasty"].kept, answers["hasty"].earlier) == ("journal", None)
    assert answers["patient"].earlier == first
    assert bench.count(t.journal_conflicts) == 0


def test_two_of_one_call_that_name_one_id_hear_one_answer(bench: Bench) -> None:
    many = [taken("own"), *(taken(f"d-{number}") for number in range(150)), rejected("own")]

    told = bench.recorder.record(many, WAIT_MS)

    assert [one.earlier for one in told] == [None] * 151 + [many[0]]


def test_a_repeat_gets_its_first_answer_also_while_the_database_that_holds_it_is_away(bench: Bench) -> None:
    first = taken("own")
    bench.recorder.record([first], WAIT_MS)
    bench.database.away = True

    (again,) = bench.recorder.record([rejected("own")], WAIT_MS)

    assert again.earlier == first
