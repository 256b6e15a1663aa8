"""Roll-ups in a file of this host: the tallies of days, each with the stamp of the rows that it was told from.

A cache and nothing else: with the file lost, damaged or not writable, everything is told from the rows again.
"""

import logging
import sqlite3
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from ml_service.adapters.rollups.codec import SHAPE, content_of, tallies_from
from ml_service.domain.performance.tally import Cut, Sheet
from ml_service.ports import RolledDay, RolledSheet

logger = logging.getLogger(__name__)

Done = TypeVar("Done")

NAME = "metrics.db"
FIRST_DAY = -(2**31)

TABLES = """
DROP TABLE IF EXISTS days;
DROP TABLE IF EXISTS tallies;
CREATE TABLE days (
    user_id TEXT NOT NULL, day INTEGER NOT NULL, stamp INTEGER NOT NULL, PRIMARY KEY (user_id, day)
) WITHOUT ROWID;
CREATE TABLE tallies (
    user_id TEXT NOT NULL, day INTEGER NOT NULL, symbol TEXT NOT NULL, breakdown TEXT NOT NULL,
    content BLOB NOT NULL, PRIMARY KEY (user_id, day, symbol, breakdown)
);
"""

DAYS = """
SELECT days.day, days.stamp, tallies.content FROM days LEFT JOIN tallies
ON tallies.user_id = days.user_id AND tallies.day = days.day AND tallies.symbol = ? AND tallies.breakdown = ?
WHERE days.user_id = ? AND days.day >= ? ORDER BY days.day
"""

SHEET = """
SELECT stamp, symbol, breakdown, content FROM days LEFT JOIN tallies USING (user_id, day)
WHERE user_id = ? AND day = ?
"""


class LocalRollups:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / NAME
        self._anchor: sqlite3.Connection | None = None
        """Always open, and does nothing: whoever closes the last connection has to tidy up the write-ahead log."""

    def close(self) -> None:
        anchor, self._anchor = self._anchor, None
        if anchor is not None:
            anchor.close()

    def days(self, user_id: str, cut: Cut, since_day: int | None) -> Mapping[int, RolledDay]:
        first = FIRST_DAY if since_day is None else since_day

        def look(connection: sqlite3.Connection) -> Mapping[int, RolledDay]:
            rows = connection.execute(DAYS, (*names_of(cut), user_id, first)).fetchall()
            return {day: RolledDay(stamp, tallies_from(content)) for day, stamp, content in rows}

        return self._done(look) or {}

    def sheet(self, user_id: str, day: int) -> RolledSheet | None:
        def look(connection: sqlite3.Connection) -> RolledSheet | None:
            rows = connection.execute(SHEET, (user_id, day)).fetchall()
            sheet = {
                Cut(symbol or None, by or None): tallies
                for _, symbol, by, content in rows
                if (tallies := tallies_from(content))
            }
            return RolledSheet(rows[0][0], sheet) if rows else None

        return self._done(look)

    def keep(self, user_id: str, sheets: Mapping[int, RolledSheet]) -> None:
        def write(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            for day, kept in sheets.items():
                connection.execute("DELETE FROM days WHERE user_id = ? AND day = ?", (user_id, day))
                connection.execute("DELETE FROM tallies WHERE user_id = ? AND day = ?", (user_id, day))
                rows = list(rows_of(user_id, day, kept.sheet))
                if any(row[-1] is None for row in rows):
                    continue
                connection.execute("INSERT INTO days VALUES (?, ?, ?)", (user_id, day, kept.stamp))
                connection.executemany("INSERT INTO tallies VALUES (?, ?, ?, ?, ?)", rows)
            connection.execute("COMMIT")

        self._done(write)

    def forget(self, user_id: str) -> None:
        def write(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM tallies WHERE user_id = ?", (user_id,))
            connection.execute("DELETE FROM days WHERE user_id = ?", (user_id,))
            connection.execute("COMMIT")

        self._done(write)

    def _done(self, work: Callable[[sqlite3.Connection], Done]) -> Done | None:
        """None where the file is in trouble, which is none of the caller's."""
        try:
            # One connection for each question: whoever deletes the file finds nobody who writes on into the old one.
            with closing(sqlite3.connect(self._path, timeout=1.0, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                shaped(connection)
                self._anchored()
                return work(connection)
        except sqlite3.OperationalError as error:
            logger.warning("roll-ups are of no use now: %s", error)
        except (sqlite3.DatabaseError, zlib.error, struct.error, ValueError, TypeError) as error:
            logger.warning("roll-ups are damaged, and begun again: %s", error)
            self.close()
            for end in ("", "-wal", "-shm"):
                self._path.with_name(NAME + end).unlink(missing_ok=True)
        return None

    def _anchored(self) -> None:
        if self._anchor is None:
            self._anchor = sqlite3.connect(self._path, timeout=1.0, check_same_thread=False)
            self._anchor.execute("SELECT day FROM days LIMIT 1").fetchone()


def shaped(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA user_version").fetchone()[0] == SHAPE:
        return
    connection.execute("BEGIN IMMEDIATE")
    # Asked again: another process may have been faster.
    if connection.execute("PRAGMA user_version").fetchone()[0] != SHAPE:
        for statement in TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={SHAPE}")
    connection.execute("COMMIT")


def rows_of(user_id: str, day: int, sheet: Sheet) -> Iterator[tuple[str, int, str, str, bytes | None]]:
    for cut, tallies in sheet.items():
        yield user_id, day, *names_of(cut), content_of(tallies)


def names_of(cut: Cut) -> tuple[str, str]:
    return cut.symbol or "", cut.by or ""
