"""The outbox table, as the worker sees it."""

from collections.abc import Sequence

import orjson
from sqlalchemy import select, update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.ports import StoredEvent


class SqlOutbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self, now_ms: int, limit: int) -> Sequence[StoredEvent]:
        # By its mark, never by a remembered last id: on PostgreSQL a lower id may show up after a higher one.
        c = t.events.c
        with self._database.read() as connection:
            rows = connection.execute(
                select(c.id, c.kind, c.payload, c.attempts)
                .where(c.handled_at_ms.is_(None), c.set_aside.is_(False), c.next_attempt_ms <= now_ms)
                .order_by(c.id)
                .limit(limit)
            ).all()
        return [StoredEvent(row.id, row.kind, orjson.loads(row.payload), row.attempts) for row in rows]

    def handled(self, event_ids: Sequence[int], now_ms: int) -> None:
        with self._database.write() as connection:
            connection.execute(update(t.events).where(t.events.c.id.in_(event_ids)).values(handled_at_ms=now_ms))

    def failed(self, event: StoredEvent, error: str, next_attempt_ms: int | None) -> None:
        with self._database.write() as connection:
            connection.execute(
                update(t.events)
                .where(t.events.c.id == event.id)
                .values(
                    attempts=event.attempts + 1,
                    error=error[:500],
                    next_attempt_ms=next_attempt_ms or 0,
                    set_aside=next_attempt_ms is None,
                )
            )
