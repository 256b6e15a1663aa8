"""Trainings that run on this host: a small file for each, locked by its process for as long as that lives."""

import fcntl
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

ENDING = ".run"


class TrainingRun:
    """Held by this process; the system lets go of it however the process ends."""

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._handle = handle

    def rows(self) -> dict[str, str]:
        """Of models, by type; none where a power cut left something else."""
        try:
            found = json.loads(os.pread(self._handle, os.fstat(self._handle).st_size, 0) or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def note(self, rows: Mapping[str, str]) -> None:
        content = json.dumps(rows).encode()
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, content, 0)
        os.fsync(self._handle)

    def forget(self) -> None:
        """Nothing is left to be told of it."""
        self._path.unlink(missing_ok=True)
        self.let_go()

    def let_go(self) -> None:
        os.close(self._handle)


class TrainingRuns:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, name: str) -> TrainingRun:
        """With the rows of an earlier run of that name that was killed. Where one is still at it, this is another."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = held(self._folder / f"{name}{ENDING}", os.O_CREAT)
        if own is None:
            own = held(self._folder / f"{name}.{uuid.uuid4().hex}{ENDING}", os.O_CREAT)
        assert own is not None, "nobody else knows that name"
        return own

    def killed(self) -> Iterator[Mapping[str, str]]:
        """The rows of each that ended without a word; it is forgotten once the next is asked for."""
        for path in sorted(self._folder.glob(f"*{ENDING}")):
            run = None
            # Another may just have forgotten it, or it is one of another user of this host.
            with suppress(FileNotFoundError, PermissionError):
                run = held(path)
            if run is None:
                continue
            try:
                yield run.rows()
            except GeneratorExit:
                # Nobody asked for the next: it could not be told of yet.
                run.let_go()
                raise
            run.forget()


def held(path: Path, flags: int = 0) -> TrainingRun | None:
    """None where another process has it."""
    while True:
        handle = os.open(path, os.O_RDWR | flags, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        # Whoever had it may have forgotten it meanwhile: then this is the lock of a file that has no name any more.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), path.stat()):
                return TrainingRun(path, handle)
        os.close(handle)
