"""One page of memory that all processes of this host share: marks that say «something changed».

A mark is a hint, never the truth: whoever sees it move asks the database. Reading one costs well under a
microsecond, so it can be looked at on every decision.
"""

import fcntl
import mmap
import os
import struct
from pathlib import Path
from typing import Literal

MarkName = Literal["generation", "settings", "journal", "draining", "door", "test_time"]
SLOTS: dict[MarkName, int] = {
    "generation": 0,
    "settings": 8,
    "journal": 16,
    "draining": 24,
    "door": 32,
    "test_time": 40,
}
PAGE_BYTES = 4096

NUMBER = struct.Struct("<q")


class SharedPage:
    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            if os.fstat(handle).st_size < PAGE_BYTES:
                os.ftruncate(handle, PAGE_BYTES)
            self._page = mmap.mmap(handle, PAGE_BYTES)
        finally:
            os.close(handle)

    def mark(self, name: MarkName) -> "SharedMark":
        return SharedMark(self._page, SLOTS[name])

    def advance(self, name: MarkName, value: int) -> None:
        """Move a mark forwards, never back, however many do so at the same moment."""
        mark = self.mark(name)
        if value <= mark.value():
            return
        with self._path.open("rb") as locked:
            fcntl.flock(locked, fcntl.LOCK_EX)
            mark.set(max(value, mark.value()))


class SharedMark:
    __slots__ = ("_page", "_slot")

    def __init__(self, page: mmap.mmap, slot: int) -> None:
        self._page = page
        self._slot = slot

    def value(self) -> int:
        return int(NUMBER.unpack_from(self._page, self._slot)[0])

    def set(self, value: int) -> None:
        NUMBER.pack_into(self._page, self._slot, value)

    def bump(self) -> None:
        # A random number rather than the next one: two processes that bump at once must not end on a value
        # that a third has already seen.
        self.set(int.from_bytes(os.urandom(7), "little"))
