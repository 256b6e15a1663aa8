"""Finished files: there once they are complete, and gone after a day."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_service.adapters.exports import files
from ml_service.adapters.exports.files import LocalExports
from ml_service.domain.exports.table import Row, columns
from ml_service.errors import NotKept

COLUMNS = columns(count="whole")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "exports").iterdir())


def test_what_was_written_is_found(tmp_path: Path) -> None:
    shelf = LocalExports(tmp_path)

    assert shelf.find("a") is None
    path = shelf.write("a", COLUMNS, [(1,)])

    assert shelf.find("a") == path
    assert names(tmp_path) == ["a.parquet"]
    assert Path(path).stat().st_mode & 0o077 == 0


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[Row]:
        yield (1,)
        raise OSError(28, "No space left on device")

    with pytest.raises(NotKept, match="No space left"):
        LocalExports(tmp_path).write("a", COLUMNS, broken())
    assert names(tmp_path) == []


def test_old_ones_go_and_half_written_ones_too(tmp_path: Path) -> None:
    shelf = LocalExports(tmp_path)
    assert shelf.drop_old() == 0
    for name in ("old", "new"):
        shelf.write(name, COLUMNS, [])
    (tmp_path / "exports" / "x.part").touch()
    yesterday = time.time() - files.KEPT_SECONDS - 1
    for name in ("old.parquet", "x.part"):
        os.utime(tmp_path / "exports" / name, (yesterday, yesterday))

    assert shelf.drop_old() == 2
    assert names(tmp_path) == ["new.parquet"]


def test_there_are_never_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FILES_MAX", 2)
    shelf = LocalExports(tmp_path)
    for age, name in enumerate(("a", "b", "c")):
        at = time.time() - age
        os.utime(shelf.write(name, COLUMNS, []), (at, at))

    shelf.drop_old()

    assert names(tmp_path) == ["a.parquet", "b.parquet"]
