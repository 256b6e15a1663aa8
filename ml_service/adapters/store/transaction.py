"""What the rows of every noun stand on: a look at the database, and a transaction that changes it."""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import Row

Built = TypeVar("Built")

NEXT_GENERATION = update(t.generations).values(value=t.generations.c.value + 1).returning(t.generations.c.value)


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
            self._generation_moved = self._connection.execute(NEXT_GENERATION).scalar_one()
        return self._generation_moved
