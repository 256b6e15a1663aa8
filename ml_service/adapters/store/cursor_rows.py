"""Cursors: how far somebody who works through something has come, by name."""

from sqlalchemy import select

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.transaction import Look, Transaction
from ml_service.adapters.store.upserts import insert_or_replace


class CursorsReading(Look):
    def cursor(self, name: str) -> str | None:
        c = t.cursors.c
        return self._connection.execute(select(c.value).where(c.name == name)).scalar()


class CursorsWriting(CursorsReading, Transaction):
    def save_cursor(self, name: str, value: str) -> None:
        self._connection.execute(insert_or_replace(self._connection, t.cursors), {"name": name, "value": value})
