"""Fits that are kept in a folder, so that a training which was stopped goes on where it was."""

import os
import time
from pathlib import Path

KEPT_DAYS = 14
DAY_S = 86_400
ENDING = ".fit"


class KeptFits:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self, name: str) -> bytes | None:
        try:
            content = self._place(name).read_bytes()
            os.utime(self._place(name))
        except FileNotFoundError:
            # Perhaps another training just dropped it as an old one.
            return None
        return content

    def keep(self, name: str, content: bytes) -> None:
        """There once it is whole, and not before."""
        part = self._folder / f".{name}.{os.getpid()}.part"
        try:
            part.write_bytes(content)
            part.replace(self._place(name))
        finally:
            part.unlink(missing_ok=True)

    def drop_old(self) -> int:
        """Of those that nobody asked for in two weeks, and of what a killed process left half written."""
        before = time.time() - KEPT_DAYS * DAY_S
        # A name may go meanwhile: another training drops old ones too.
        ours = (place for place in self._folder.iterdir() if place.suffix in (ENDING, ".part"))
        old = [place for place in ours if modified(place) < before]
        for place in old:
            place.unlink(missing_ok=True)
        return len(old)

    def _place(self, name: str) -> Path:
        return self._folder / f"{name}{ENDING}"


def modified(place: Path) -> float:
    try:
        return place.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
