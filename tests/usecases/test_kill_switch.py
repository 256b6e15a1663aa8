"""The kill switch: on this host at once, then everywhere, and never lost between the two."""

from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest

from ml_service.adapters.kill_file import LocalKillFile
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.types import Kill
from ml_service.domain.view import Changes, View, changed
from ml_service.usecases.kill_switch import settle, turn, write_down
from tests.builders import HASH, NOW_MS, kill, policy
from tests.fakes import SwitchedDatabase


class Host:
    """A store behind a switch, and the kill file of this host."""

    def __init__(self, url: str, folder: Path) -> None:
        self.database = SwitchedDatabase(url)
        self.store = SqlStore(self.database)
        self.file = LocalKillFile(folder)

    def turn(self, one: Kill) -> bool:
        return turn(one, store=self.store, kill_file=self.file)

    def settle(self) -> None:
        settle(self.view(), store=self.store, kill_file=self.file)

    def view(self) -> View:
        """What a process of this host decides from."""
        state = self.file.read()
        view = View(policy(), HASH, local_kills=state.kills, kill_file_unreadable=state.unreadable)
        known = self.stored()
        return changed(view, Changes("s", 1, kills=(known,))) if known is not None else view

    def stored(self, user_id: str = "*") -> Kill | None:
        if self.database.away:
            return None
        with self.store.read() as reading:
            return reading.kill(user_id)

    def actions(self) -> list[str]:
        with self.store.read() as reading:
            return [entry.action for entry in reading.audit_entries(0, None)]


@pytest.fixture
def host(embedded: Database, tmp_path: Path) -> Iterator[Host]:
    opened = Host(embedded.url, tmp_path / "host")
    yield opened
    opened.database.close()


def test_a_turn_is_in_the_file_and_in_the_database(host: Host) -> None:
    assert host.turn(kill())

    assert host.stored() == kill()
    assert host.file.read().kills["*"].heard
    assert host.view().killed("ada")


def test_a_turn_off_lifts_it(host: Host) -> None:
    host.turn(kill())

    host.turn(kill(on=False, at_ms=NOW_MS + 1))

    assert not host.view().killed("ada")


def test_each_turn_is_in_the_audit_trail_and_published(host: Host) -> None:
    host.turn(kill())
    host.turn(kill(on=False, at_ms=NOW_MS + 1))

    assert host.actions() == ["kill_switch.on", "kill_switch.off"]
    with host.store.read() as reading:
        assert reading.counts(0)["events_waiting"] == 2


def test_with_the_database_away_the_file_alone_decides(host: Host) -> None:
    host.database.away = True

    assert not host.turn(kill())

    assert host.view().killed("ada")
    assert not host.file.read().kills["*"].heard


def test_the_database_is_told_what_it_missed(host: Host) -> None:
    host.database.away = True
    host.turn(kill())
    host.database.away = False

    host.settle()

    assert host.stored() == kill()
    assert host.file.read().kills["*"].heard
    assert host.actions() == ["kill_switch.on"]


def test_settling_twice_tells_it_once(host: Host) -> None:
    host.database.away = True
    host.turn(kill())
    host.database.away = False

    host.settle()
    host.settle()

    assert host.actions() == ["kill_switch.on"]


def test_the_last_of_several_missed_turns_counts(host: Host) -> None:
    host.database.away = True
    for number in range(4):
        host.turn(kill(on=number % 2 == 0, at_ms=NOW_MS + number))
    host.database.away = False

    host.settle()

    stored = host.stored()
    assert stored is not None
    assert not stored.on
    assert not host.view().killed("ada")


def test_a_missed_turn_off_does_not_lift_what_another_host_switched_on_later(host: Host) -> None:
    host.turn(kill())
    host.database.away = True
    host.turn(kill(on=False, at_ms=NOW_MS + 1))
    host.database.away = False
    with host.store.begin() as tx:
        tx.save_kill(kill(at_ms=NOW_MS + 2, reason="elsewhere"))

    host.settle()

    assert host.stored() == kill(at_ms=NOW_MS + 2, reason="elsewhere")
    assert host.view().killed("ada")


def test_a_turn_off_by_a_clock_that_runs_behind_still_counts(host: Host) -> None:
    host.turn(kill(at_ms=NOW_MS + 60_000))

    host.turn(kill(on=False, at_ms=NOW_MS))

    stored = host.stored()
    assert stored is not None
    assert not stored.on


def test_users_are_switched_by_themselves(host: Host) -> None:
    host.turn(kill(user_id="ada"))

    stored = host.stored("ada")
    assert stored is not None
    assert stored.on
    assert host.stored("*") is None
    assert host.view().killed("ada")
    assert not host.view().killed("bob")


def test_several_who_tell_the_database_of_one_turn_tell_it_once(database: Database) -> None:
    """The caller's own request, and whoever of this host looks for turns that the database has not heard of."""
    store = SqlStore(database)
    together = Barrier(8)

    def tell() -> None:
        together.wait()
        write_down(kill(), store, late=True)

    threads = [Thread(target=tell) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store.read() as reading:
        assert [entry.action for entry in reading.audit_entries(0, None)] == ["kill_switch.on"]
