"""The shelf gives back what was put there, or nothing at all."""

import hashlib
import os
import pickle
import stat
from pathlib import Path

import pytest

from ml_service.adapters.shelf.folder import FolderShelf
from ml_service.errors import ModelRefused, NotKept

CONTENT = b"\x08\x0a a model, as far as the shelf can tell"
LIMIT = 1_000


def file_of(folder: Path, sha256: str) -> Path:
    return folder / sha256[:2] / sha256


def test_a_file_comes_back_under_the_hash_of_its_content(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path, LIMIT)

    name = shelf.put(CONTENT)

    assert name == hashlib.sha256(CONTENT).hexdigest()
    assert shelf.read(name) == CONTENT
    assert stat.S_IMODE(file_of(tmp_path, name).stat().st_mode) == 0o600


def test_the_same_content_twice_is_one_file(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path, LIMIT)

    first, second = shelf.put(CONTENT), shelf.put(CONTENT)

    assert first == second
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file_of(tmp_path, first)]


def test_one_changed_byte_is_refused_and_told(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path, LIMIT)
    name = shelf.put(CONTENT)
    path = file_of(tmp_path, name)

    for place in range(len(CONTENT)):
        path.write_bytes(CONTENT[:place] + bytes([CONTENT[place] ^ 1]) + CONTENT[place + 1 :])
        with pytest.raises(ModelRefused, match=f"file {name} was changed"):
            shelf.read(name)


@pytest.mark.parametrize(
    "found", [b"", CONTENT[:-1], CONTENT[:-1] + b"!", None], ids=["empty", "short", "other", "link"]
)
def test_what_suffered_under_its_name_is_healed_when_it_is_put_there_again(
    tmp_path: Path, found: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = FolderShelf(tmp_path / "shelf", LIMIT)
    path = file_of(tmp_path / "shelf", shelf.put(CONTENT))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"not ours")
    if found is None:
        path.unlink()
        path.symlink_to(elsewhere)
    else:
        path.write_bytes(found)
    synced: list[bool] = []
    monkeypatch.setattr("os.fsync", lambda handle: synced.append(stat.S_ISREG(os.fstat(handle).st_mode)))

    name = shelf.put(CONTENT)

    assert shelf.read(name) == CONTENT
    assert not path.is_symlink()
    assert elsewhere.read_bytes() == b"not ours"
    # The file, and then the folders that name it.
    assert synced == [True, False, False]
    assert [one for one in (tmp_path / "shelf").rglob("*") if one.is_file()] == [path]


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b"\x00"], ids=["empty", "shorter", "longer"])
def test_another_size_is_refused(tmp_path: Path, content: bytes) -> None:
    shelf = FolderShelf(tmp_path, LIMIT)
    name = shelf.put(CONTENT)
    file_of(tmp_path, name).write_bytes(content)

    with pytest.raises(ModelRefused):
        shelf.read(name)


def test_what_is_larger_than_allowed_is_neither_taken_nor_read(tmp_path: Path) -> None:
    name = FolderShelf(tmp_path, LIMIT).put(CONTENT)
    smaller = FolderShelf(tmp_path, len(CONTENT) - 1)

    with pytest.raises(ModelRefused, match=f"expected a file of at most {len(CONTENT) - 1} bytes"):
        smaller.put(CONTENT)
    with pytest.raises(ModelRefused, match=f"found {len(CONTENT)}"):
        smaller.read(name)
    with pytest.raises(ModelRefused, match="found an empty one"):
        smaller.put(b"")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_neither_taken_nor_read(tmp_path: Path, protocol: int) -> None:
    shelf = FolderShelf(tmp_path, LIMIT)
    content = pickle.dumps({"weights": [1.0, 2.0]}, protocol)
    name = hashlib.sha256(content).hexdigest()
    file_of(tmp_path, name).parent.mkdir()
    file_of(tmp_path, name).write_bytes(content)

    with pytest.raises(ModelRefused, match="found a pickle"):
        shelf.put(content)
    with pytest.raises(ModelRefused, match="found a pickle"):
        shelf.read(name)


def test_the_length_of_a_safetensors_header_is_not_taken_for_a_pickle(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path, LIMIT)
    content = (0x0380).to_bytes(8, "little") + b"{" + b" " * 0x37F

    assert shelf.read(shelf.put(content)) == content


@pytest.mark.parametrize(
    "name", ["", "..", "../../etc/passwd", "a" * 63, "A" * 64, "a" * 63 + "/", "a" * 64 + "\n", "\x00" * 64]
)
def test_a_name_that_is_no_hash_is_refused(tmp_path: Path, name: str) -> None:
    shelf = FolderShelf(tmp_path / "shelf", LIMIT)

    for touch in (shelf.read, shelf.drop):
        with pytest.raises(ModelRefused, match="expected a file named by its SHA-256"):
            touch(name)


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path / "shelf", LIMIT)
    name = shelf.put(CONTENT)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(CONTENT)
    file_of(tmp_path / "shelf", name).unlink()
    file_of(tmp_path / "shelf", name).symlink_to(elsewhere)

    with pytest.raises(ModelRefused, match="cannot be read"):
        shelf.read(name)


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path, LIMIT)
    name = shelf.put(CONTENT)
    file_of(tmp_path, name).unlink()
    file_of(tmp_path, name).mkdir()

    with pytest.raises(ModelRefused, match="expected a plain file"):
        shelf.read(name)


def test_a_pipe_in_the_place_of_a_file_does_not_hold_the_reader(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path, LIMIT)
    name = shelf.put(CONTENT)
    file_of(tmp_path, name).unlink()
    os.mkfifo(file_of(tmp_path, name))

    with pytest.raises(ModelRefused, match="expected a plain file"):
        shelf.read(name)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="on the shelf, found none"):
        FolderShelf(tmp_path, LIMIT).read("a" * 64)


def test_a_dropped_file_is_gone_and_may_be_dropped_again(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path, LIMIT)
    name = shelf.put(CONTENT)

    shelf.drop(name)
    shelf.drop(name)

    with pytest.raises(ModelRefused):
        shelf.read(name)


def test_old_files_are_told_and_what_a_kill_left_behind_goes(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path, LIMIT)
    old, again, young = shelf.put(CONTENT), shelf.put(CONTENT + b"1"), shelf.put(CONTENT + b"2")
    unfinished = file_of(tmp_path, old).with_name("0123.new")
    unfinished.write_bytes(CONTENT)
    for path in (file_of(tmp_path, old), file_of(tmp_path, again), unfinished):
        os.utime(path, (1_000, 1_000))
    # Put there once more, it is as good as new.
    shelf.put(CONTENT + b"1")

    assert list(shelf.stored(2_000_000)) == [old]
    assert not unfinished.exists()
    assert shelf.read(young)


def test_a_full_disk_is_said_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    shelf = FolderShelf(tmp_path, LIMIT)
    monkeypatch.setattr("os.fsync", full)

    with pytest.raises(NotKept, match="No space left on device"):
        shelf.put(CONTENT)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
