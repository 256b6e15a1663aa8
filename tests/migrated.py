"""SQLite databases in today's shape, copied from one that was brought up once: bringing up takes far longer."""

import os
import tempfile
from functools import cache
from pathlib import Path

from ml_service.adapters.store.schema import STORE, Line, upgrade

SCHEME = "sqlite:///"


def migrated(url: str, *lines: Line) -> str:
    """Write the database of that URL, and give that back. Whoever asks for their identity takes all of them for one."""
    path = Path(url.removeprefix(SCHEME))
    if path.exists():  # Of an earlier life of the same test.
        for line in lines or (STORE,):
            upgrade(url, line=line)
        return url
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path, "wb", opener=private) as file:
        file.write(brought_up(lines or (STORE,)))
    return url


@cache
def brought_up(lines: tuple[Line, ...]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.db"
        for line in lines:
            upgrade(f"{SCHEME}{path}", line=line)
        assert [one.name for one in Path(folder).iterdir()] == [path.name]  # Nothing of it waits in a log.
        return path.read_bytes()


def private(path: str, flags: int) -> int:
    """As the service itself would make it."""
    return os.open(path, flags, 0o600)
