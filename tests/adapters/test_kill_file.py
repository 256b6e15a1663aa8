"""The kill file: durable, whole at any moment, and ON when it cannot be read."""

import itertools
import os
import threading
from pathlib import Path

import pytest

from ml_service.adapters.kill_file import LocalKillFile
from ml_service.domain.view import LocalKill
from ml_service.errors import NotKept
from tests.builders import NOW_MS, kill


def test_a_file_that_was_never_written_stops_nobody(tmp_path: Path) -> None:
    state = LocalKillFile(tmp_path).read()

    assert (dict(state.kills), state.unreadable) == ({}, False)


def test_a_turn_is_there_for_the_next_process(tmp_path: Path) -> None:
    LocalKillFile(tmp_path).turn(kill(reason='say "stop", é'))

    state = LocalKillFile(tmp_path).read()

    assert state.kills == {"*": LocalKill(kill(reason='say "stop", é'), heard=False)}


def test_users_have_turns_of_their_own(tmp_path: Path) -> None:
    file = LocalKillFile(tmp_path)

    file.turn(kill())
    file.turn(kill(on=False, user_id="ada"))

    assert {name: one.kill.on for name, one in file.read().kills.items()} == {"*": True, "ada": False}


def test_a_turn_is_marked_once_the_database_has_heard_it(tmp_path: Path) -> None:
    file = LocalKillFile(tmp_path)
    file.turn(kill())

    file.heard(kill())

    assert file.read().kills["*"].heard


def test_a_newer_turn_is_not_taken_for_heard(tmp_path: Path) -> None:
    file = LocalKillFile(tmp_path)
    file.turn(kill())
    file.turn(kill(on=False, at_ms=NOW_MS + 1))

    file.heard(kill())

    assert not file.read().kills["*"].heard
    assert not file.read().kills["*"].kill.on


def test_hearing_of_a_turn_that_is_not_there_writes_nothing_new(tmp_path: Path) -> None:
    file = LocalKillFile(tmp_path)

    file.heard(kill())

    assert dict(file.read().kills) == {}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"*": {}}', b'{"*": {"kill": 1}}', b"\xff\xfe", b"7"])
def test_a_file_that_makes_no_sense_counts_as_on(tmp_path: Path, content: bytes) -> None:
    file = LocalKillFile(tmp_path)
    file.path.write_bytes(content)

    assert file.read().unreadable


def test_a_folder_in_its_place_counts_as_on(tmp_path: Path) -> None:
    file = LocalKillFile(tmp_path)
    file.path.mkdir()

    assert file.read().unreadable


def test_a_turn_repairs_an_unreadable_file(tmp_path: Path) -> None:
    file = LocalKillFile(tmp_path)
    file.path.write_bytes(b"{broken")

    file.turn(kill(on=False))

    assert not file.read().unreadable


def test_the_fingerprint_moves_with_every_turn(tmp_path: Path) -> None:
    file = LocalKillFile(tmp_path)
    seen = [file.fingerprint()]

    for number in range(5):
        file.turn(kill(on=number % 2 == 0, at_ms=NOW_MS + number))
        seen.append(file.fingerprint())

    assert seen[0] is None
    assert all(one != other for one, other in itertools.pairwise(seen))


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file = LocalKillFile(tmp_path)
    file.turn(kill())

    assert file.path.stat().st_mode & 0o077 == 0


def test_turns_of_many_at_once_are_all_kept(tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=LocalKillFile(tmp_path).turn, args=(kill(user_id=f"u{number}"),))
        for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(LocalKillFile(tmp_path).read().kills) == 16


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    file = LocalKillFile(tmp_path)
    file.turn(kill())
    done = threading.Event()
    torn = []

    def look() -> None:
        while not done.is_set():
            if file.read().unreadable:
                torn.append(True)

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(30):
        file.turn(kill(at_ms=NOW_MS + number, reason="x" * number * 50))
    done.set()
    reader.join()

    assert not torn


def test_nothing_is_left_behind_beside_it(tmp_path: Path) -> None:
    LocalKillFile(tmp_path).turn(kill())

    assert sorted(os.listdir(tmp_path)) == ["kill_switch.json", "kill_switch.lock"]


def test_a_file_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    file = LocalKillFile(tmp_path)
    file.path.mkdir()

    with pytest.raises(NotKept):
        file.turn(kill())
