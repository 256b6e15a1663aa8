"""Idempotency-Keys: the first answer to a request, kept for its repeats."""

from sqlalchemy import delete, select, update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.upserts import insert_or_skip
from ml_service.ports import Claim

UNDER_WAY_MS_MAX = 60_000
"""A claim without an answer is void after this long: its process died."""
HOUR_MS = 3_600_000


class IdempotencyTable:
    def __init__(self, database: Database, hours: int) -> None:
        self._database = database
        self._keep_ms = hours * HOUR_MS

    def claim(self, caller: str, key: str, body_hash: str, now_ms: int) -> Claim:
        c = t.idempotency.c
        this = (c.caller == caller, c.key == key)
        with self._database.write() as connection:
            # Made while the clock was ahead: its day begins now, or the key would be held until that moment comes.
            connection.execute(
                update(t.idempotency).where(*this, c.created_at_ms > now_ms).values(created_at_ms=now_ms)
            )
            connection.execute(delete(t.idempotency).where(*this, c.created_at_ms < now_ms - self._keep_ms))
            connection.execute(
                delete(t.idempotency).where(*this, c.status.is_(None), c.created_at_ms < now_ms - UNDER_WAY_MS_MAX)
            )
            row = {"caller": caller, "key": key, "body_hash": body_hash, "created_at_ms": now_ms}
            taken = insert_or_skip(connection, t.idempotency).returning(c.key)
            if connection.execute(taken, [row]).first() is not None:
                return Claim("new")
            stored = connection.execute(select(t.idempotency).where(*this)).one()
        if stored.body_hash != body_hash:
            return Claim("other")
        if stored.status is None:
            return Claim("under_way")
        return Claim("answered", stored.status, stored.answer.encode())

    def keep(self, caller: str, key: str, status: int, answer: bytes) -> None:
        c = t.idempotency.c
        with self._database.write() as connection:
            connection.execute(
                update(t.idempotency)
                .where(c.caller == caller, c.key == key)
                .values(status=status, answer=answer.decode())
            )

    def release(self, caller: str, key: str) -> None:
        c = t.idempotency.c
        with self._database.write() as connection:
            connection.execute(delete(t.idempotency).where(c.caller == caller, c.key == key))
