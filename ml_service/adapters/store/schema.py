"""The database's shape: bring it up, take it down, say what it is."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect

from ml_service.adapters.store.change_rows import found_store, renew_store
from ml_service.adapters.store.database import Database, Pooling
from ml_service.adapters.store.partitions import ensure_partitions
from ml_service.errors import StoreUnavailable

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).resolve().parents[3] / "migrations"


@dataclass(frozen=True, slots=True)
class Line:
    """One store's migrations, and where the store remembers how far it has come."""

    name: str
    folder: Path
    head: str
    """The newest migration; a test compares it with the folder."""
    table: str


STORE = Line("database", FOLDER / "versions", "0005", "alembic_version")
MARKET = Line("market store", FOLDER / "market", "0001", "market_version")
"""On SQLite in a file of its own, on PostgreSQL beside the other tables."""

HEAD = STORE.head
PATIENT = Pooling(size=1, overflow=1, answer_timeout_ms=600_000)
"""Changing a large table takes longer than any request may."""
ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.1
DEADLOCK = "40P01"
"""PostgreSQL's code for two transactions that wait for each other."""


def version(connection: Connection, line: Line = STORE) -> str | None:
    if not inspect(connection).has_table(line.table):
        return None
    return connection.exec_driver_sql(f"SELECT version_num FROM {line.table}").scalar()


def is_current(database: Database, line: Line = STORE) -> bool:
    with database.read() as connection:
        # A newer one is fine: new columns and tables come first, and the programs that use them follow.
        return (version(connection, line) or "") >= line.head


def upgrade(url: str, to: str = "head", line: Line = STORE) -> str:
    """Bring a store to a version; all of it happens in one transaction, or nothing."""
    if to == "head" and is_current_already(url, line):
        return line.head
    database = Database(url, PATIENT)
    try:
        migrate(database, to, up=True, line=line)
        with database.write() as connection:
            if line is STORE and version(connection) == HEAD:
                found_store(connection)
                ensure_partitions(connection, int(time.time() * 1000))
            return version(connection, line) or "base"
    finally:
        database.close()


def is_current_already(url: str, line: Line) -> bool:
    # Asked with the patience of a request: a start must not wait minutes for a server that keeps silent.
    database = Database(url, Pooling(size=1, overflow=0))
    try:
        return is_current(database, line)
    finally:
        database.close()


def downgrade(url: str, to: str, line: Line = STORE) -> str:
    database = Database(url, PATIENT)
    try:
        migrate(database, to, up=False, line=line)
        with database.read() as connection:
            return version(connection, line) or "base"
    finally:
        database.close()


def migrate(database: Database, to: str, up: bool, line: Line) -> None:
    """Tried again where writers at work and the change of a table had locked each other out: nothing had happened."""
    for attempt in range(ATTEMPTS):
        try:
            migrate_once(database, to, up, line)
        except StoreUnavailable as error:
            if not locked_out(error) or attempt + 1 == ATTEMPTS:
                raise
            time.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
        else:
            return


def locked_out(error: StoreUnavailable) -> bool:
    return getattr(getattr(error.__cause__, "orig", None), "pgcode", None) == DEADLOCK


def migrate_once(database: Database, to: str, up: bool, line: Line) -> None:
    # Imported here: starting with a current schema should not pay for it.
    from alembic import command

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = config_of(line)
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            # Two hosts that start at the same moment migrate one after the other.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7301265)")
        config.attributes["connection"] = connection
        (command.upgrade if up else command.downgrade)(config, to)
        if not up and line is STORE and inspect(connection).has_table("store_facts"):
            renew_store(connection)


def config_of(line: Line) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("version_locations", str(line.folder))
    config.set_main_option("path_separator", "newline")
    config.attributes["version_table"] = line.table
    return config


def losses(url: str, to: str, line: Line = STORE) -> tuple[str, ...]:
    """What a downgrade would throw away, in the words of the migrations it passes."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(config_of(line))
    database = Database(url, PATIENT)
    try:
        with database.read() as connection:
            current = version(connection, line)
    finally:
        database.close()
    if current is None:
        return ()
    passed = scripts.iterate_revisions(current, to)
    return tuple(loss for script in passed for loss in getattr(script.module, "LOSES", ()))


def await_database(url: str, seconds: float, answer_ms: int = 3_000) -> bool:
    """Whether the database answered within that time; it is asked at least once."""
    deadline = time.monotonic() + seconds
    database = Database(url, Pooling(size=1, overflow=0, answer_timeout_ms=answer_ms))
    try:
        while True:
            try:
                with database.read():
                    return True
            except StoreUnavailable:
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.2)
    finally:
        database.close()
