"""The snapshot: as new as the database, as old as it must be, and never waited for long."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ml_service.adapters.kill_file import LocalKillFile
from ml_service.adapters.local_copy import LocalCopy
from ml_service.adapters.snapshot import LiveSnapshot
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.schema import upgrade
from ml_service.adapters.store.sql import Committed, SqlStore
from ml_service.domain.market.feature_rows import ANY_SOURCE
from ml_service.domain.types import ANY_SYMBOL, Thresholds
from ml_service.domain.view import Changes, View
from ml_service.errors import StoreUnavailable
from tests.builders import HASH, kill, policy, thresholds
from tests.fakes import Mark

SOON = 5.0


class Host:
    """A store, the mark and the files that the processes of one host share, and snapshots over them."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.mark = Mark()
        self.store = SqlStore(Database(url), self._committed)
        self.kill_file = LocalKillFile(folder)
        self.away = False
        self.loads = 0
        self.opened: list[LiveSnapshot] = []
        self.databases = [self.store._database]

    def _committed(self, committed: Committed) -> None:
        self.mark.bump()

    def load(self, store_id: str, generation: int) -> Changes | None:
        self.loads += 1
        if self.away:
            raise StoreUnavailable("switched off by the test")
        with self.store.read() as reading:
            return reading.changes_since(store_id, generation)

    def snapshot(self, load: Callable[[str, int], Changes | None] | None = None) -> LiveSnapshot:
        made = LiveSnapshot(View(policy(), HASH), load or self.load, self.mark, self.copy(), self.kill_file)
        self.opened.append(made)
        made.start()
        return made

    def copy(self) -> LocalCopy:
        return LocalCopy(self.folder, self.store._database.url)

    def write(self, row: Thresholds) -> None:
        with self.store.begin() as tx:
            assert tx.save_thresholds(row)

    def another_store(self, url: str) -> None:
        self.store = SqlStore(Database(url), self._committed)
        self.databases.append(self.store._database)


@pytest.fixture
def host(store_url: str, tmp_path: Path) -> Iterator[Host]:
    opened = Host(store_url, tmp_path / "host")
    yield opened
    for snapshot in opened.opened:
        end(snapshot)
    for database in opened.databases:
        database.close()


def end(snapshot: LiveSnapshot) -> None:
    snapshot.stop()
    for thread in snapshot._threads:
        thread.join(SOON)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def migrated(folder: Path) -> str:
    url = f"sqlite:///{folder / 'another.db'}"
    upgrade(url)
    return url


def revision(snapshot: LiveSnapshot, user_id: str = "ada") -> int:
    return snapshot.view().thresholds_for(user_id, "BTCUSDT").revision


# As new as the database


def test_it_starts_with_what_the_database_holds(host: Host) -> None:
    host.write(thresholds(rsi_threshold=77.0))

    snapshot = host.snapshot()

    assert snapshot.view().thresholds_for("ada", "BTCUSDT").values["rsi_threshold"] == 77.0
    assert not snapshot.is_stale()


def test_our_own_write_is_in_the_next_view(host: Host) -> None:
    snapshot = host.snapshot()

    for number in range(1, 11):
        host.write(thresholds(revision=number))
        snapshot.catch_up()
        assert revision(snapshot) == number


def test_a_write_elsewhere_on_this_host_shows_at_the_next_glance(host: Host) -> None:
    one, other = host.snapshot(), host.snapshot()
    host.write(thresholds())

    one.catch_up()

    until(lambda: revision(other) == 1)


def test_a_write_that_no_mark_told_of_shows_within_a_second(host: Host) -> None:
    snapshot = host.snapshot()
    silent = SqlStore(host.store._database)

    with silent.begin() as tx:
        tx.save_thresholds(thresholds())
    began = time.monotonic()
    until(lambda: snapshot._view.generation > 0)

    assert time.monotonic() - began < 1.0
    assert revision(snapshot) == 1


def test_only_what_moved_is_asked_for(host: Host) -> None:
    asked: list[tuple[str, int]] = []

    def load(store_id: str, generation: int) -> Changes | None:
        asked.append((store_id, generation))
        return host.load(store_id, generation)

    snapshot = host.snapshot(load)
    host.write(thresholds())
    snapshot.catch_up()
    generation = snapshot.view().generation
    snapshot.refresh()

    assert asked[0] == ("", -1)
    assert asked[-1] == (snapshot.view().store_id, generation)


def test_without_a_change_the_view_is_the_very_same(host: Host) -> None:
    snapshot = host.snapshot()
    before = snapshot.view()

    snapshot.refresh()

    assert snapshot.view() is before


def test_a_generation_that_went_backwards_replaces_everything(host: Host, tmp_path: Path) -> None:
    """As after the database was restored from a backup, or another one was put in its place."""
    host.write(thresholds(revision=1))
    host.write(thresholds(revision=2))
    host.write(thresholds("bob"))
    snapshot = host.snapshot()

    host.another_store(migrated(tmp_path))
    host.write(thresholds("eve"))
    snapshot.catch_up()

    assert set(snapshot.view().thresholds) == {("eve", ANY_SYMBOL)}
    assert snapshot.view().generation == 1


# As old as it must be


def test_with_the_database_away_the_last_view_decides_and_says_its_age(host: Host) -> None:
    host.write(thresholds())
    snapshot = host.snapshot()

    host.away = True
    until(snapshot.is_stale)
    age_ms = snapshot.age_ms()
    time.sleep(0.05)

    assert revision(snapshot) == 1
    assert snapshot.age_ms() >= age_ms + 40


def test_it_heals_by_itself(host: Host) -> None:
    snapshot = host.snapshot()
    host.away = True
    until(snapshot.is_stale)
    host.write(thresholds())

    host.away = False

    until(lambda: not snapshot.is_stale())
    assert revision(snapshot) == 1
    assert snapshot.age_ms() < 1_500


def test_with_the_database_away_a_view_costs_no_waiting(host: Host) -> None:
    snapshot = host.snapshot()
    host.away = True
    until(snapshot.is_stale)

    began = time.perf_counter()
    for _ in range(50):
        host.mark.bump()
        snapshot.view()

    assert time.perf_counter() - began < 0.5


def test_a_database_that_answers_slowly_is_waited_for_only_a_moment(host: Host) -> None:
    free = threading.Event()
    slow = threading.Event()

    def load(store_id: str, generation: int) -> Changes | None:
        if slow.is_set():
            free.wait(SOON)
        return host.load(store_id, generation)

    snapshot = host.snapshot(load)
    slow.set()
    host.write(thresholds())

    began = time.perf_counter()
    seen = revision(snapshot)
    took = time.perf_counter() - began
    free.set()

    assert seen == 0
    assert took < 0.5
    until(lambda: revision(snapshot) == 1)


def test_an_unexpected_error_does_not_end_the_refreshing(host: Host) -> None:
    broken = threading.Event()

    def load(store_id: str, generation: int) -> Changes | None:
        if broken.is_set():
            raise ValueError("unexpected")
        return host.load(store_id, generation)

    snapshot = host.snapshot(load)
    broken.set()
    until(snapshot.is_stale)

    broken.clear()
    host.write(thresholds())

    until(lambda: revision(snapshot) == 1)
    assert not snapshot.is_stale()


# This host's copy


def test_a_start_without_the_database_decides_from_the_copy_of_this_host(host: Host) -> None:
    host.write(thresholds(rsi_threshold=77.0))
    host.snapshot()
    host.away = True

    later = host.snapshot()

    assert later.view().thresholds_for("ada", "BTCUSDT").values["rsi_threshold"] == 77.0
    assert later.is_stale()


def test_the_copy_follows_every_delta(host: Host) -> None:
    first = host.snapshot()
    for number in (1, 2, 3):
        host.write(thresholds(revision=number))
        first.catch_up()
    until(lambda: (host.copy().load() or Changes("", -1)).generation == first.view().generation)
    host.away = True

    assert revision(host.snapshot()) == 3


def test_a_start_with_a_mute_database_waits_a_moment_and_then_decides_from_the_copy(host: Host) -> None:
    host.write(thresholds(rsi_threshold=77.0))
    host.snapshot()
    host.write(thresholds("bob"))
    answers = threading.Event()

    def load(store_id: str, generation: int) -> Changes | None:
        answers.wait(SOON)
        return host.load(store_id, generation)

    began = time.monotonic()
    later = host.snapshot(load)
    took = time.monotonic() - began

    assert took < 1.5
    assert later.view().thresholds_for("ada", "BTCUSDT").values["rsi_threshold"] == 77.0
    assert later.is_stale()
    answers.set()
    until(lambda: not later.is_stale())
    assert revision(later, "bob") == 1


def test_a_start_with_another_database_knows_nothing_of_the_former_one(host: Host, tmp_path: Path) -> None:
    host.write(thresholds())
    # Ended first: otherwise it goes on keeping, under the former name, what it now reads from the other one.
    end(host.snapshot())
    host.another_store(migrated(tmp_path))

    host.away = True
    mute = host.snapshot()
    host.away = False
    answering = host.snapshot()

    assert mute._view.thresholds == {}
    assert answering._view.thresholds == {}
    kept = host.copy().load()
    assert kept is not None
    assert (kept.store_id, kept.thresholds) == (answering.view().store_id, ())


def test_another_store_under_the_same_name_replaces_the_copy_as_a_whole(host: Host, tmp_path: Path) -> None:
    """As after a new database was made in place of the former one, which this host saw at the same generation."""
    host.write(thresholds())
    host.snapshot()
    copy = host.copy()
    host.another_store(migrated(tmp_path))
    host.write(thresholds("eve"))
    host.copy = lambda: copy  # type: ignore[method-assign]  # the same name

    host.away = True
    later = host.snapshot()
    assert set(later._view.thresholds) == {("ada", ANY_SYMBOL)}
    host.away = False

    until(lambda: set(later._view.thresholds) == {("eve", ANY_SYMBOL)})
    until(lambda: [row.user_id for row in (copy.load() or Changes("", -1)).thresholds] == ["eve"])


def test_a_start_with_neither_has_the_defaults(host: Host) -> None:
    host.away = True

    snapshot = host.snapshot()

    assert revision(snapshot) == 0
    assert snapshot.is_stale()


# The kill file and the settings


def test_a_turn_of_the_kill_file_shows_without_the_database(host: Host) -> None:
    snapshot = host.snapshot()
    host.away = True
    until(snapshot.is_stale)

    host.kill_file.turn(kill())

    began = time.monotonic()
    until(lambda: snapshot.view().killed("ada"))
    assert time.monotonic() - began < 1.0


def test_an_unreadable_kill_file_shows(host: Host) -> None:
    snapshot = host.snapshot()

    host.kill_file.path.write_text("{broken")

    until(lambda: snapshot.view().killed("ada"))


def test_a_kill_in_the_database_reaches_the_view(host: Host) -> None:
    snapshot = host.snapshot()

    with host.store.begin() as tx:
        tx.save_kill(kill(user_id="ada"))
    snapshot.catch_up()

    assert snapshot.view().killed("ada")
    assert not snapshot.view().killed("bob")


def test_new_settings_are_in_the_next_view_and_stay_there(host: Host) -> None:
    snapshot = host.snapshot()

    snapshot.use_settings(policy(rsi_threshold="reject"), "another-hash", 0.1, ANY_SOURCE)
    host.write(thresholds())
    snapshot.catch_up()

    assert snapshot.view().settings_hash == "another-hash"
    assert snapshot.view().policy["rsi_threshold"].on_missing == "reject"
    assert snapshot.view().exploration == 0.1
    assert revision(snapshot) == 1
