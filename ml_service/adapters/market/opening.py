"""Files as streams of bytes, packed or not, with what can be wrong with a package found out and said."""

import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ml_service.errors import InvalidInput

UNPACKED_BYTES_MAX = 4 << 30
RATIO_MAX = 200
"""Candles pack to a fifth, flat ones to a thirtieth; what packs better than this was made to do harm."""
RATIO_FROM_BYTES = 16 << 20
"""Small files are no danger, however well they pack."""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Unpacked as it is read. Trouble with the file becomes an error that names it."""
    try:
        if path.suffix.lower() == ".zip":
            verify_checksum(path)
            with zipfile.ZipFile(path) as archive, archive.open(only_member(archive, path)) as member:
                yield Measured(member, path)  # type: ignore[misc]  # it reads as a file does
        elif path.suffix.lower() == ".gz":
            with gzip.open(path) as unpacked:
                yield Measured(unpacked, path)  # type: ignore[misc]  # it reads as a file does
        else:
            with path.open("rb") as plain:
                yield plain
    except (zipfile.BadZipFile, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise InvalidInput.at("file", f"{path}: damaged or cut off ({error})") from error
    except (RuntimeError, NotImplementedError) as error:
        raise InvalidInput.at("file", f"{path}: cannot be unpacked ({error})") from error
    except OSError as error:
        raise InvalidInput.at("file", f"{path}: cannot be read ({error.strerror or error})") from error


class Measured(RawIOBase):
    """Counts what comes out, whatever the package says of itself, and stops where nothing honest can be that long."""

    def __init__(self, source: Any, path: Path) -> None:
        self._source = source
        self._path = path
        self._packed = path.stat().st_size
        self._bytes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self.read(1 << 20), b""))
        part: bytes = self._source.read(size)
        self._bytes += len(part)
        flood = self._bytes > RATIO_FROM_BYTES and self._bytes > RATIO_MAX * self._packed
        if flood or self._bytes > UNPACKED_BYTES_MAX:
            raise InvalidInput.at(
                "file",
                f"{self._path}: {self._packed} bytes unpack to more than {self._bytes}; such a file is not read",
            )
        return part


def only_member(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    for name in archive.namelist():
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or ":" in name:
            raise InvalidInput.at("file", f'{path}: holds "{name}", a path that leaves its folder')
    members = [one for one in archive.infolist() if not one.is_dir()]
    if len(members) != 1 or not members[0].filename.lower().endswith(".csv"):
        names = ", ".join(one.filename for one in members[:3]) or "nothing"
        raise InvalidInput.at("file", f"{path}: expected one CSV file in it, found {names}")
    return members[0]


def verify_checksum(path: Path) -> None:
    """Where its publisher put one beside it."""
    beside = path.with_name(f"{path.name}.CHECKSUM")
    if not beside.exists():
        return
    words = beside.read_text(errors="replace").split()
    expected = words[0].lower() if words else ""
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != expected:
        raise InvalidInput.at("file", f"{path}: its SHA-256 is {actual}, {beside.name} says {expected or 'nothing'}")


def whole(path: Path, bytes_max: int) -> bytes:
    content = first_bytes(path, bytes_max + 1)
    if len(content) > bytes_max:
        limit = f"{bytes_max >> 20} MB" if bytes_max >= 1 << 20 else f"{bytes_max} bytes"
        raise InvalidInput.at(
            "file", f"{path}: larger than {limit}, the most that is read at once; split it, or write candles as Parquet"
        )
    return content


def first_bytes(path: Path, size: int = 1 << 16) -> bytes:
    """Enough to see what it is."""
    with opened(path) as file:
        parts, left = [], size
        while left > 0 and (part := file.read(left)):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
