"""What a use-case told the rest of the house: events for the worker, entries of the audit."""

from typing import Any

import orjson
from sqlalchemy import select

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.audit import AuditEntry
from ml_service.ports import Store


def published(store: Store, kind: str) -> list[dict[str, Any]]:
    assert isinstance(store, SqlStore)
    with store._database.read() as connection:
        query = select(t.events.c.payload).where(t.events.c.kind == kind).order_by(t.events.c.id)
        return [orjson.loads(payload) for payload in connection.execute(query).scalars()]


def audited(store: Store, action: str) -> list[AuditEntry]:
    with store.read() as reading:
        return [entry for entry in reading.audit_entries(0, None) if entry.action == action]
