"""One worker leads: a file lock on an embedded store, an advisory lock on PostgreSQL. Both end with their holder."""

import fcntl
import os
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

ADVISORY_LOCK = 7301266


class FileLeader:
    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        self._leads = False

    def leads(self) -> bool:
        if not self._leads:
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._leads = True
            except BlockingIOError:
                return False
        return self._leads

    def close(self) -> None:
        os.close(self._handle)


class PostgresLeader:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def leads(self) -> bool:
        """Asked before every round: the lock is gone when its connection is."""
        try:
            if self._connection is None:
                connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                if not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({ADVISORY_LOCK})").scalar():
                    connection.close()
                    return False
                self._connection = connection
            self._connection.exec_driver_sql("SELECT 1")
        except DBAPIError:
            self.close()
            return False
        return True

    def close(self) -> None:
        if self._connection is not None:
            # Not back into the pool: the lock belongs to the connection and must end with it.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
