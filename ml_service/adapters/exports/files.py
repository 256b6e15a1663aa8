"""Finished exports in the data folder: one file per request and state of the rows, kept for a day."""

import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from ml_service.adapters.exports.parquet import write_parquet
from ml_service.domain.exports.table import Column, Row
from ml_service.errors import NotKept

KEPT_SECONDS = 86_400.0
FILES_MAX = 100
"""Beyond it the oldest go, however young."""
SUFFIX = ".parquet"
PART = ".part"


class LocalExports:
    def __init__(self, folder: Path) -> None:
        self._folder = folder / "exports"

    def find(self, name: str) -> str | None:
        place = self._folder / f"{name}{SUFFIX}"
        return str(place) if place.exists() else None

    def write(self, name: str, columns: Sequence[Column], rows: Iterable[Row]) -> str:
        """Who asks for the same at the same time writes the same; the last one's file stays."""
        place = self._folder / f"{name}{SUFFIX}"
        part = None
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # For its own user alone.
            handle, opened = tempfile.mkstemp(PART, dir=self._folder)
            os.close(handle)
            part = Path(opened)
            write_parquet(part, columns, rows)
            part.replace(place)
        except OSError as error:
            raise NotKept(f"the export could not be written ({error.strerror or error})") from error
        finally:
            if part is not None:
                part.unlink(missing_ok=True)
        return str(place)

    def drop_old(self) -> int:
        """How many went: whole ones, and what a killed process has left half written."""
        try:
            found = [(entry.stat().st_mtime, entry.path) for entry in os.scandir(self._folder)]
        except FileNotFoundError:
            return 0
        found.sort(reverse=True)
        oldest = time.time() - KEPT_SECONDS
        old = [path for place, (at, path) in enumerate(found) if at < oldest or place >= FILES_MAX]
        for path in old:
            # Whoever is reading it reads on: the name goes, the content stays until they have finished.
            Path(path).unlink(missing_ok=True)
        return len(old)
