"""Files that are whole whatever happens, and on the disk on return with their names: a power cut takes neither away."""

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

ENDING = ".new"
"""Of what a killed process leaves half written."""


def replace_file(path: Path, content: bytes) -> None:
    """The old content or the new one."""
    with written_beside(path, content) as temporary:
        os.replace(temporary, path)
    sync_folder(path.parent)


def create_file(path: Path, content: bytes) -> None:
    """Of those who come at the same moment, the first; its content stays."""
    with written_beside(path, content) as temporary, contextlib.suppress(FileExistsError):
        # Unlike a rename, a link never takes the place of what is there.
        os.link(temporary, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """The names in it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some file systems have nothing to sync there.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


@contextlib.contextmanager
def written_beside(path: Path, content: bytes) -> Iterator[Path]:
    """For its owner alone, under a name that nobody else takes; gone afterwards, unless it was renamed."""
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}{ENDING}")
    try:
        handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
