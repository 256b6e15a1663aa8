"""What the rows of every noun stand on: a look at the database, and a transaction that changes it."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, and_, update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import Row
from ml_service.adapters.store.writer import insert_or_skip

Built = TypeVar("Built")


class Look:
    """One consistent look. Each noun adds what can be read of it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _count(self, query: Select[Any]) -> int:
        return int(self._connection.execute(query).scalar_one())

    def _first(self, query: Select[Any], build: Callable[[Row], Built]) -> Built | None:
        row = self._connection.execute(query).mappings().first()
        return build(row) if row is not None else None


class Transaction(Look):
    """Each noun adds what can be written of it. What a commit tells the rest of the process is gathered here."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._generation_moved: int | None = None
        self._audit_head: tuple[int, str] | None = None

    def _generation(self) -> int:
        """The generation this transaction becomes; moved once, with the commit."""
        if self._generation_moved is None:
            g = t.generations
            self._generation_moved = self._connection.execute(
                update(g).values(value=g.c.value + 1).returning(g.c.value)
            ).scalar_one()
        return self._generation_moved

    def _upsert(self, table: Any, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        where = and_(*(table.c[name] == value for name, value in key.items()))
        if self._connection.execute(insert_or_skip(self._connection, table).values(**key, **values)).rowcount != 1:
            self._connection.execute(update(table).where(where).values(**values))
