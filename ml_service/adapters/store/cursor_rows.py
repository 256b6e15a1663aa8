"""Cursors: how far somebody who works through something has come, by name."""

from sqlalchemy import select

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.transaction import Look, Transaction


class CursorsReading(Look):
    def cursor(self, name: str) -> str | None:
        c = t.cursors.c
        return self._connection.execute(select(c.value).where(c.name == name)).scalar()


class CursorsWriting(CursorsReading, Transaction):
    def save_cursor(self, name: str, value: str) -> None:
        self._upsert(t.cursors, {"name": name}, {"value": value})
