"""The audit chain: entries in order, each carrying the hash of the one before."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from sqlalchemy import insert, select

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import Row, canonical
from ml_service.adapters.store.paging import ROWS_AT_ONCE
from ml_service.adapters.store.transaction import Look, Transaction
from ml_service.domain.audit import GENESIS, AuditEntry, entry_after

LAST = select(t.audit.c.sequence, t.audit.c.hash).order_by(t.audit.c.sequence.desc()).limit(1)
INSERT = insert(t.audit)


class AuditReading(Look):
    def audit_entries(self, after: int, limit: int | None) -> Iterator[AuditEntry]:
        c = t.audit.c
        remaining = limit
        while remaining is None or remaining > 0:
            count = ROWS_AT_ONCE if remaining is None else min(remaining, ROWS_AT_ONCE)
            rows = (
                self._connection.execute(select(t.audit).where(c.sequence > after).order_by(c.sequence).limit(count))
                .mappings()
                .all()
            )
            yield from (audit_from(row) for row in rows)
            if len(rows) < count:
                return
            after = rows[-1]["sequence"]
            remaining = None if remaining is None else remaining - len(rows)


class AuditWriting(AuditReading, Transaction):
    def append_audit(
        self, at_ms: int, actor: str, action: str, subject: str, details: Mapping[str, Any]
    ) -> tuple[int, str]:
        # The generation row is locked until the commit, so that entries of two processes form one chain.
        self._generation()
        if self._audit_head is None:
            last = self._connection.execute(LAST).first()
            self._audit_head = (last.sequence, last.hash) if last is not None else (0, GENESIS)
        entry = entry_after(self._audit_head, at_ms, actor, action, subject, details)
        row = {
            "sequence": entry.sequence,
            "at_ms": entry.at_ms,
            "actor": entry.actor,
            "action": entry.action,
            "subject": entry.subject,
            "details": canonical(entry.details),
            "previous_hash": entry.previous_hash,
            "hash": entry.hash,
        }
        self._connection.execute(INSERT, row)
        self._audit_head = (entry.sequence, entry.hash)
        return self._audit_head


def audit_from(row: Row) -> AuditEntry:
    try:
        details = orjson.loads(row["details"])
    except ValueError:
        details = None
    if canonical(details) != row["details"]:
        # Not the text that was written, even where it means the same: nothing that the chain could confirm.
        details = {"as found": row["details"]}
    return AuditEntry(
        sequence=row["sequence"],
        at_ms=row["at_ms"],
        actor=row["actor"],
        action=row["action"],
        subject=row["subject"],
        details=details,
        previous_hash=row["previous_hash"],
        hash=row["hash"],
    )
