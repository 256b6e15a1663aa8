"""A database connection that behaves: explicit transactions, short waits, one kind of trouble."""

import logging
import random
import select
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ml_service.adapters.store.outcome_days import CHANGED, stamp_changed
from ml_service.errors import StoreUnavailable

logger = logging.getLogger(__name__)

BUSY_MS_MAX = 2_000
"""How long a writer waits its turn on SQLite before it gives up."""


@dataclass(frozen=True, slots=True)
class Pooling:
    size: int = 10
    overflow: int = 5
    timeout_s: float = 2.0
    recycle_s: int = 1800
    connect_timeout_ms: int = 2_000
    answer_timeout_ms: int = 3_000
    echo: bool = False


class Database:
    """An engine with transactions that say whether they write."""

    def __init__(self, url: str, pooling: Pooling | None = None) -> None:
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self.engine = sqlite_engine(url, pooling) if self.is_sqlite else postgres_engine(url, pooling)

    @contextmanager
    def write(self, synced: bool = True, over: Connection | None = None) -> Iterator[Connection]:
        """A transaction that writes. Not `synced`: an acknowledged row may be lost in a power cut. `over`: a
        connection that its caller keeps."""
        with translated(), self.engine.connect() if over is None else nullcontext(over) as connection:
            connection.execution_options(writes=True, synced=synced, **{CHANGED: set()})
            with connection.begin():
                if not synced and not self.is_sqlite:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                yield connection
                stamp_changed(connection)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        self.engine.dispose()


class Writer:
    """Transactions of one thread, one after the other.

    On SQLite over a connection that stays open: to fetch one from the pool and to bring it back costs as much as a
    small transaction. Of one to PostgreSQL the pool knows whether it is still alive.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None

    @contextmanager
    def write(self, synced: bool = True) -> Iterator[Connection]:
        try:
            with self._database.write(synced, over=self._kept()) as connection:
                yield connection
        except BaseException:
            # Whatever state it was left in, the next transaction begins with another.
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _kept(self) -> Connection | None:
        if self._connection is None and self._database.is_sqlite:
            with translated():
                self._connection = self._database.engine.connect()
        return self._connection


@contextmanager
def translated() -> Iterator[None]:
    """Trouble with the database itself, in our own words; the cause stays attached."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout, sqlite3.OperationalError) as error:
        raise StoreUnavailable(f"the database is not answering ({cause_of(error)})") from error
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise StoreUnavailable(f"the database went away ({cause_of(error)})") from error


def cause_of(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return str(original).strip().splitlines()[0][:200] if str(original).strip() else type(original).__name__


def sqlite_engine(url: str, pooling: Pooling | None) -> Engine:
    path = make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    pooling = pooling or Pooling()
    engine = create_engine(
        url,
        # Waiting for a lock is ours (see begin_sqlite): the busy handler sleeps in steps of up to 100 ms.
        connect_args={"timeout": 0, "check_same_thread": False, "isolation_level": None},
        pool_size=pooling.size,
        max_overflow=pooling.overflow,
        pool_timeout=pooling.timeout_s,
        echo=pooling.echo,
    )
    event.listen(engine, "connect", prepare_sqlite)
    event.listen(engine, "begin", begin_sqlite)
    return engine


def prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for attempt in range(100):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError:
            # Another process is turning the file to WAL at this very moment.
            time.sleep(0.005 + random.random() * 0.01)
            if attempt == 99:
                raise
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA journal_size_limit=67108864")
    cursor.close()


def begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("writes"):
        connection.exec_driver_sql("BEGIN")
        return
    # Straight to the driver: on the hot path, SQLAlchemy's own work for a statement is most of its cost.
    driver = connection.connection.driver_connection
    assert driver is not None
    # FULL: the log is synced before a commit returns, so what was acknowledged survives a power cut.
    level = "FULL" if options.get("synced") else "NORMAL"
    if connection.info.get("synchronous") != level:
        driver.execute(f"PRAGMA synchronous={level}")
        connection.info["synchronous"] = level
    # BEGIN IMMEDIATE takes the write lock at once: a transaction that reads first and writes later
    # could otherwise fail halfway with nothing to wait for.
    deadline = time.monotonic() + BUSY_MS_MAX / 1000
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.0005 + random.random() * 0.003)


def postgres_engine(url: str, pooling: Pooling | None) -> Engine:
    import psycopg2
    import psycopg2.extensions

    pooling = pooling or Pooling()
    answer_s = pooling.answer_timeout_ms / 1000

    def wait(connection: Any) -> None:
        """Wait for the server, but never longer than the answer timeout, whatever it sends meanwhile."""
        deadline = time.monotonic() + answer_s
        while True:
            state = connection.poll()
            if state == psycopg2.extensions.POLL_OK:
                return
            remaining = deadline - time.monotonic()
            reads = [connection.fileno()] if state == psycopg2.extensions.POLL_READ else []
            writes = [connection.fileno()] if state == psycopg2.extensions.POLL_WRITE else []
            if remaining <= 0 or not any(select.select(reads, writes, [], remaining)):
                raise psycopg2.OperationalError(f"no answer within {answer_s:g} s")

    # libpq itself waits for ever on a server that keeps the connection and says nothing.
    psycopg2.extensions.set_wait_callback(wait)
    return create_engine(
        url,
        pool_size=pooling.size,
        max_overflow=pooling.overflow,
        pool_timeout=pooling.timeout_s,
        pool_recycle=pooling.recycle_s,
        pool_pre_ping=True,
        echo=pooling.echo,
        connect_args={
            "connect_timeout": max(2, pooling.connect_timeout_ms // 1000),
            "application_name": "ml_service",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "options": (
                f"-c statement_timeout={pooling.answer_timeout_ms} -c lock_timeout={pooling.answer_timeout_ms}"
                " -c idle_in_transaction_session_timeout=60000 -c synchronous_commit=on -c timezone=UTC"
            ),
        },
    )


def durability_flaws(database: Database) -> tuple[str, ...]:
    """Server settings under which an acknowledged row would not survive a power cut."""
    if database.is_sqlite:
        return ()
    flaws = []
    with database.read() as connection:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            value = connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            if value == "off":
                flaws.append(f"{name} is off")
    return tuple(flaws)
