"""The snapshot on this host's disk, so that a start with the database away has something to decide from."""

import hashlib
import logging
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict
from math import nan
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy.engine import make_url

from ml_service.domain.keys import ApiKey
from ml_service.domain.market.candles import Stream
from ml_service.domain.market.feature_rows import FeatureRow
from ml_service.domain.models.set_document import SignedSet, read_set
from ml_service.domain.models.signing import Signed
from ml_service.domain.models.slots import Place
from ml_service.domain.types import Kill, Thresholds
from ml_service.domain.view import Changes, View
from ml_service.errors import ModelRefused

logger = logging.getLogger(__name__)

SHAPE = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rows (
    kind TEXT NOT NULL, key TEXT NOT NULL, payload TEXT NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
"""


class LocalCopy:
    """Of one database: what was seen in another one is nothing to decide from here."""

    def __init__(self, folder: Path, database_url: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "snapshot.db"
        self._database = identity_of(database_url)
        self._anchor: sqlite3.Connection | None = None
        """Always open, and does nothing: whoever closes the last connection has to tidy up the write-ahead log, and
        meanwhile the decisions under way wait for the next change."""

    def load(self) -> Changes | None:
        """Everything as it was last seen; None when nothing of this database was kept yet, or it cannot be read."""
        try:
            with closing(self._open()) as connection:
                facts = dict(connection.execute("SELECT name, value FROM facts"))
                rows = connection.execute("SELECT kind, payload FROM rows").fetchall()
        except (sqlite3.Error, OSError):
            return None
        if facts.get("database") != self._database:
            return None
        try:
            return changes_from(facts, rows)
        except (KeyError, ValueError, TypeError):
            # It was kept by another version of this program.
            return None

    def save(self, changes: Changes, since: int, view: View) -> None:
        """Write what changed since a generation, or the whole view where the file has missed something."""
        with closing(self._open()) as connection:
            self._anchored()
            connection.execute("BEGIN IMMEDIATE")
            facts = dict(connection.execute("SELECT name, value FROM facts"))
            same = (facts.get("store_id"), facts.get("database")) == (changes.store_id, self._database)
            stored = int(facts["generation"]) if same else -1
            # The whole of a store also replaces what another version of this program left at the same mark.
            if stored > changes.generation or (stored == changes.generation and not changes.full):
                connection.execute("ROLLBACK")
                return
            if changes.full or stored < since:
                connection.execute("DELETE FROM rows")
                written = rows_of(
                    view.thresholds.values(),
                    view.keys.values(),
                    view.kills.values(),
                    (newest for newest, *_ in view.feature_rows.values()),
                    view.signatures.items(),
                )
            else:
                signatures = ((champion.models.place, champion.signed) for champion in changes.champions)
                written = rows_of(changes.thresholds, changes.keys, changes.kills, changes.feature_rows, signatures)
                connection.executemany(
                    "DELETE FROM rows WHERE kind = 'champion' AND key = ?",
                    [("/".join(place),) for place in changes.vacated],
                )
            connection.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", written)
            connection.executemany(
                "INSERT OR REPLACE INTO facts VALUES (?, ?)",
                [
                    ("database", self._database),
                    ("store_id", changes.store_id),
                    ("generation", str(changes.generation)),
                ],
            )
            connection.execute("COMMIT")

    def close(self) -> None:
        anchor, self._anchor = self._anchor, None
        if anchor is not None:
            anchor.close()

    def _anchored(self) -> None:
        if self._anchor is None:
            self._anchor = sqlite3.connect(self._path, timeout=1.0, check_same_thread=False)
            self._anchor.execute("SELECT name FROM facts LIMIT 1").fetchone()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=1.0, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(SHAPE)
        return connection


def identity_of(database_url: str) -> str:
    """Which database a URL names; a new password leaves it the same."""
    url = make_url(database_url).set(password="").difference_update_query(["password"])
    return hashlib.sha256(url.render_as_string(hide_password=False).encode()).hexdigest()


def changes_from(facts: dict[str, str], rows: list[tuple[str, str]]) -> Changes:
    by_kind: dict[str, list[dict[str, Any]]] = {"thresholds": [], "key": [], "kill": [], "features": [], "champion": []}
    for kind, payload in rows:
        by_kind[kind].append(orjson.loads(payload))
    return Changes(
        store_id=facts["store_id"],
        generation=int(facts["generation"]),
        thresholds=tuple(Thresholds(**row) for row in by_kind["thresholds"]),
        keys=tuple(key_from(row) for row in by_kind["key"]),
        kills=tuple(Kill(**row) for row in by_kind["kill"]),
        feature_rows=tuple(features_from(row) for row in by_kind["features"]),
        champions=tuple(found for row in by_kind["champion"] if (found := champion_from(row)) is not None),
        full=True,
    )


def rows_of(
    thresholds: Iterable[Thresholds],
    keys: Iterable[ApiKey],
    kills: Iterable[Kill],
    features: Iterable[FeatureRow],
    champions: Iterable[tuple[Place, Signed]],
) -> list[tuple[str, str, str]]:
    rows = [("thresholds", f"{row.user_id}/{row.symbol}", text(row)) for row in thresholds]
    rows += [("key", key.id, text(key)) for key in keys]
    rows += [("kill", kill.user_id, text(kill)) for kill in kills]
    rows += [("features", str(row.stream), text(row)) for row in features]
    rows += [("champion", "/".join(place), text(signed)) for place, signed in champions]
    return rows


def text(row: Thresholds | ApiKey | Kill | FeatureRow | Signed) -> str:
    # A stream is a tuple with names, which orjson takes for neither a tuple nor an object.
    return orjson.dumps(asdict(row), default=list).decode()


def champion_from(row: dict[str, Any]) -> SignedSet | None:
    """None where this version of the program cannot read it: keys and the kill switch matter all the same."""
    try:
        return read_set(Signed(**row))
    except ModelRefused as error:
        logger.error("a champion of the last snapshot is left out: %s", error)
        return None


def key_from(row: dict[str, Any]) -> ApiKey:
    users = row.pop("users")
    return ApiKey(**row, users=tuple(users) if users is not None else None)


def features_from(row: dict[str, Any]) -> FeatureRow:
    # JSON has no NaN: what is missing was written as null.
    values = tuple(nan if value is None else value for value in row.pop("values"))
    return FeatureRow(stream=Stream(*row.pop("stream")), values=values, missing=tuple(row.pop("missing")), **row)
