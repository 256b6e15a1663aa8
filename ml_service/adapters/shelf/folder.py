"""The shelf: model files in a folder, written once, named by the hash of their content, checked at every reading."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from ml_service.durable import ENDING, replace_file, sync_folder
from ml_service.errors import ModelRefused, NotKept

NAME = re.compile(r"[0-9a-f]{64}")
FOLDER_LETTERS = 2
"""Files lie in folders of their own by how their names begin."""
PICKLE_OPENS = 0x80
PICKLE_PROTOCOLS = range(2, 6)


class FolderShelf:
    def __init__(self, folder: Path, file_bytes_max: int) -> None:
        self._folder = folder
        self._bytes_max = file_bytes_max

    def put(self, content: bytes) -> str:
        self._check_size(len(content))
        refuse_pickle(content)
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(sha256)
        try:
            if not self._used_again(sha256):
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, content)
                # Its folder may be as new as the file.
                sync_folder(self._folder)
        except OSError as error:
            raise NotKept(f"the shelf could not take a file of {len(content)} bytes: {error.strerror}") from error
        self.read(sha256)
        return sha256

    def _used_again(self, sha256: str) -> bool:
        """False where it is not there, or what is there has suffered: then it is to be written anew."""
        try:
            self.read(sha256)
            # However long it has been lying there; not where another just dropped it.
            os.utime(self._path(sha256))
        except (ModelRefused, FileNotFoundError):
            return False
        return True

    def read(self, sha256: str) -> bytes:
        path = self._path(sha256)
        try:
            # Whoever put a link there would choose what is read.
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            raise ModelRefused(f"expected file {sha256} on the shelf, found none") from None
        except OSError as error:
            raise ModelRefused(f"file {sha256} cannot be read: {error.strerror}") from None
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            # Asked first: `fdopen` has an error of its own for a folder, and leaves the handle open.
            os.close(handle)
            raise ModelRefused(f"expected a plain file {sha256}, found something else")
        with os.fdopen(handle, "rb") as file:
            self._check_size(found.st_size)
            try:
                content = file.read(self._bytes_max + 1)
            except OSError as error:
                raise ModelRefused(f"file {sha256} cannot be read: {error.strerror}") from None
        digest = hashlib.sha256(content).hexdigest()
        if digest != sha256:
            raise ModelRefused(f"file {sha256} was changed: found content whose hash is {digest}")
        refuse_pickle(content)
        return content

    def drop(self, sha256: str) -> None:
        self._path(sha256).unlink(missing_ok=True)

    def stored(self, before_ms: int) -> Iterator[str]:
        for path in self._folder.glob("*/*"):
            try:
                old = path.stat(follow_symlinks=False).st_mtime_ns // 1_000_000 < before_ms
            except FileNotFoundError:
                continue
            if old and NAME.fullmatch(path.name):
                yield path.name
            elif old and path.suffix == ENDING:
                # Whoever wrote it was killed.
                path.unlink(missing_ok=True)

    def _path(self, sha256: str) -> Path:
        if not NAME.fullmatch(sha256):
            raise ModelRefused(f"expected a file named by its SHA-256, found {sha256[:80]!r}")
        return self._folder / sha256[:FOLDER_LETTERS] / sha256

    def _check_size(self, size: int) -> None:
        if size == 0:
            raise ModelRefused("expected a model file, found an empty one")
        if size > self._bytes_max:
            raise ModelRefused(f"expected a file of at most {self._bytes_max} bytes, found {size}")


def refuse_pickle(content: bytes) -> None:
    """An early and plain word. What keeps pickles from doing harm is that nothing here ever unpickles."""
    # A safetensors file may begin with the same two bytes: its header's length, whose third byte is then 0.
    begins = content[:3]
    if len(begins) == 3 and begins[0] == PICKLE_OPENS and begins[1] in PICKLE_PROTOCOLS and begins[2] != 0:
        raise ModelRefused("expected a model file, found a pickle")
