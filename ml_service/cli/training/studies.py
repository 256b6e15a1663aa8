"""The trials of searches, kept in one file of JSON lines: a search goes on where it stood, and can be read later."""

import json
import os
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock


class KeptStudies:
    def __init__(self, place: Path) -> None:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Progress has its own lines.
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        if place.exists():
            mend(place)
        self._storage = JournalStorage(JournalFileBackend(str(place)))

    def study(self, name: str) -> optuna.Study:
        return optuna.create_study(storage=self._storage, study_name=name, load_if_exists=True)


def mend(place: Path) -> None:
    """A full disk or a power cut leaves half a line, after which nothing could be read or added any more. What comes
    before it stays; the trials after it are made again."""
    lock = JournalFileSymlinkLock(str(place))
    lock.acquire()
    try:
        content = place.read_bytes()
        whole = whole_bytes(content)
        if whole < len(content):
            os.truncate(place, whole)
    finally:
        lock.release()


def whole_bytes(content: bytes) -> int:
    """How many there are before the first line that is no document."""
    end = 0
    for line in content.splitlines(keepends=True):
        if not line.endswith(b"\n") or not is_document(line):
            break
        end += len(line)
    return end


def is_document(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
