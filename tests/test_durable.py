"""Durable files: whole at any moment, on the disk before the caller goes on, and nothing left beside them."""

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ml_service.durable import create_file, replace_file, sync_folder

WRITERS = pytest.mark.parametrize("write", [replace_file, create_file])


def failing(number: int) -> Callable[[int], None]:
    def fsync(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    return fsync


def beside(path: Path) -> list[str]:
    return sorted(one.name for one in path.parent.iterdir())


@WRITERS
def test_a_file_is_there_with_its_content_and_for_its_owner_alone(
    tmp_path: Path, write: Callable[[Path, bytes], None]
) -> None:
    path = tmp_path / "one"

    write(path, b"content")

    assert path.read_bytes() == b"content"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert beside(path) == ["one"]


@WRITERS
def test_the_content_is_on_the_disk_before_the_name_and_the_name_before_the_caller_goes_on(
    tmp_path: Path, write: Callable[[Path, bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, bool]] = []
    path = tmp_path / "one"
    monkeypatch.setattr(
        "os.fsync", lambda handle: synced.append((stat.S_ISDIR(os.fstat(handle).st_mode), path.exists()))
    )

    write(path, b"content")

    assert synced == [(False, False), (True, True)]


def test_what_is_replaced_is_new_and_what_is_created_twice_stays(tmp_path: Path) -> None:
    path = tmp_path / "one"
    create_file(path, b"first")
    create_file(path, b"second")
    created = path.read_bytes()

    replace_file(path, b"third")

    assert (created, path.read_bytes()) == (b"first", b"third")
    assert beside(path) == ["one"]


@WRITERS
def test_a_full_disk_is_told_and_leaves_the_old_content_alone(
    tmp_path: Path, write: Callable[[Path, bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one"
    path.write_bytes(b"before")
    monkeypatch.setattr("os.fsync", failing(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left"):
        write(path, b"after")

    assert path.read_bytes() == b"before"
    assert beside(path) == ["one"]


def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "one", tmp_path / "elsewhere"
    elsewhere.write_bytes(b"not ours")
    path.symlink_to(elsewhere)

    replace_file(path, b"content")

    assert not path.is_symlink()
    assert (path.read_bytes(), elsewhere.read_bytes()) == (b"content", b"not ours")


def test_of_many_who_create_it_at_once_all_find_one_content(tmp_path: Path) -> None:
    path, found, together = tmp_path / "one", [], threading.Barrier(8)

    def create(number: int) -> None:
        together.wait()
        create_file(path, str(number).encode() * 10_000)
        found.append(path.read_bytes())

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(found[0]) == 10_000


def test_a_file_system_that_has_no_folders_to_sync_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", failing(errno.EINVAL))
    sync_folder(tmp_path)

    monkeypatch.setattr("os.fsync", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        sync_folder(tmp_path)
