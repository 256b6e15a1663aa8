"""A disk whose syncs can be counted, failed and held up, for one process and its children."""

import mmap
import shutil
import struct
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SOURCE = Path(__file__).with_name("sync_shim.c")
COUNTER = 256
PAGE_BYTES = 4096

COMPILER = shutil.which("cc") or shutil.which("gcc")
NO_COMPILER = "no C compiler here to build the library that stands in front of fsync"


class Syncs:
    """`environment` puts the shim in front of the system's fsync and fdatasync."""

    def __init__(self, folder: Path) -> None:
        assert COMPILER is not None
        library = folder / "sync_shim.so"
        subprocess.run(
            [COMPILER, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl"],
            check=True,
            capture_output=True,
        )
        page = folder / "sync_shim.page"
        page.write_bytes(bytes(PAGE_BYTES))
        self._file = page.open("r+b")
        self._page = mmap.mmap(self._file.fileno(), PAGE_BYTES)
        self.environment: dict[str, Any] = {"LD_PRELOAD": str(library), "SYNC_SHIM": str(page)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.work()
        self._page.close()
        self._file.close()

    @property
    def count(self) -> int:
        """How many syncs have succeeded."""
        return int(struct.unpack_from("<Q", self._page, COUNTER)[0])

    def work(self) -> None:
        self._page[0] = 0

    def fail(self, ending: str = "") -> None:
        """Every sync of a file whose path ends so fails with EIO."""
        self._enter("F", ending)

    def hang(self, ending: str = "") -> None:
        """Every sync of such a file waits until the mode changes."""
        self._enter("H", ending)

    def _enter(self, mode: str, ending: str) -> None:
        self._page[0] = 0
        self._page[1 : 2 + len(ending)] = ending.encode() + b"\0"
        self._page[0] = ord(mode)
