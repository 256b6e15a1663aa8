"""This host's journal: a small SQLite file that takes records while the database is away.

Keyed like the database itself, so that whatever is drained twice is counted once.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson
from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    select,
    tuple_,
)

from ml_service.adapters.store.codec import (
    canonical,
    decision_from,
    decision_row,
    outcome_from,
    outcome_hash,
    outcome_row,
)
from ml_service.adapters.store.database import Database, Pooling
from ml_service.adapters.store.upserts import insert_or_skip
from ml_service.adapters.store.writer import Reported
from ml_service.domain.outcomes import Receipt, StoredOutcome, implausible
from ml_service.domain.types import Decision, RecordedDecision

metadata = MetaData()

entries = Table(
    "entries",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("record_id", Text, nullable=False),
    Column("payload", Text, nullable=False),
    UniqueConstraint("kind", "user_id", "record_id"),
)
Index("entries_in_order", entries.c.kind, entries.c.id)


@dataclass(frozen=True, slots=True)
class Entry:
    """One record that waits for the database."""

    id: int
    payload: str
    decision: Decision | None = None
    report: Reported | None = None


class Mark(Protocol):
    """A value that all processes of this host share; a bump tells them that something changed."""

    def value(self) -> int: ...
    def bump(self) -> None: ...


class Journal:
    def __init__(self, folder: Path, mark: Mark) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._mark = mark
        self._empty_at: int | None = None
        self._lock_path = folder / "journal.lock"
        self._database = Database(f"sqlite:///{folder / 'journal.db'}", Pooling(size=8, overflow=64, timeout_s=0.5))
        with self._database.write() as connection:
            metadata.create_all(connection)

    def write(self, group: Sequence[Sequence[Decision] | Sequence[Reported]]) -> list[Any]:
        # Before and after: who looked in between looks again.
        self._mark.bump()
        with self._database.write() as connection:
            results = [[self._entered(connection, record) for record in records] for records in group]
        self._mark.bump()
        return results

    def earlier_decisions(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Decision]:
        return {key: decision_from(row) for key, row in self._waiting("decision", keys).items()}

    def earlier_outcomes(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], StoredOutcome]:
        return {key: outcome_from(row) for key, row in self._waiting("outcome", keys).items()}

    def is_empty(self) -> bool:
        """Costs a glance at shared memory while nobody has written."""
        mark = self._mark.value()
        if mark == self._empty_at:
            return True
        with self._database.read() as connection:
            if connection.execute(select(entries.c.id).limit(1)).first() is not None:
                return False
        self._empty_at = mark
        return True

    def count(self) -> int:
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(entries)).scalar_one()

    def oldest(self, kind: str, limit: int) -> list[Entry]:
        with self._database.read() as connection:
            rows = connection.execute(
                select(entries).where(entries.c.kind == kind).order_by(entries.c.id).limit(limit)
            ).all()
        return [self._entry(row.id, kind, row.payload) for row in rows]

    def drop(self, done: Sequence[Entry]) -> None:
        with self._database.write() as connection:
            connection.execute(delete(entries).where(entries.c.id.in_([entry.id for entry in done])))

    @contextmanager
    def draining(self) -> Iterator[bool]:
        """True for the one process of this host that may drain now."""
        handle = os.open(self._lock_path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(handle)

    def close(self) -> None:
        self._database.close()

    def _entered(self, connection: Connection, record: Decision | Reported) -> RecordedDecision | Receipt:
        if isinstance(record, Decision):
            row = {name: value for name, value in decision_row(record).items() if name != "row_hash"}
            if self._insert(connection, "decision", record.user_id, record.decision_id, canonical(row)):
                return RecordedDecision("journal")
            return RecordedDecision("journal", self._decision(connection, record.user_id, record.decision_id))
        outcome = record.outcome
        stored = StoredOutcome(
            outcome, record.received_at_ms, "none", None, implausible(outcome, record.received_at_ms)
        )
        if self._insert(connection, "outcome", outcome.user_id, outcome.trade_id, canonical(outcome_row(stored))):
            return Receipt("quarantined" if stored.quarantined else "created", "journal", stored)
        first = self._outcome(connection, outcome.user_id, outcome.trade_id)
        assert first is not None
        return Receipt(sameness(first, record), "journal", first)

    def _insert(self, connection: Connection, kind: str, user_id: str, record_id: str, payload: str) -> bool:
        statement = insert_or_skip(connection, entries).returning(entries.c.id)
        row = {"kind": kind, "user_id": user_id, "record_id": record_id, "payload": payload}
        return connection.execute(statement, [row]).first() is not None

    def _waiting(self, kind: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
        if not keys or self.is_empty():
            return {}
        e = entries.c
        found = select(e.user_id, e.record_id, e.payload).where(
            e.kind == kind, tuple_(e.user_id, e.record_id).in_(keys)
        )
        with self._database.read() as connection:
            return {(row.user_id, row.record_id): orjson.loads(row.payload) for row in connection.execute(found)}

    def _decision(self, connection: Connection, user_id: str, decision_id: str) -> Decision | None:
        payload = self._payload(connection, "decision", user_id, decision_id)
        return decision_from(orjson.loads(payload)) if payload is not None else None

    def _outcome(self, connection: Connection, user_id: str, trade_id: str) -> StoredOutcome | None:
        payload = self._payload(connection, "outcome", user_id, trade_id)
        return outcome_from(orjson.loads(payload)) if payload is not None else None

    def _payload(self, connection: Connection, kind: str, user_id: str, record_id: str) -> str | None:
        return connection.execute(
            select(entries.c.payload).where(
                entries.c.kind == kind, entries.c.user_id == user_id, entries.c.record_id == record_id
            )
        ).scalar()

    def _entry(self, entry_id: int, kind: str, payload: str) -> Entry:
        row = orjson.loads(payload)
        if kind == "decision":
            return Entry(entry_id, payload, decision=decision_from(row))
        stored = outcome_from(row)
        return Entry(entry_id, payload, report=Reported(stored.outcome, stored.received_at_ms))


def sameness(first: StoredOutcome, report: Reported) -> Any:
    return "duplicate" if outcome_hash(first.outcome) == outcome_hash(report.outcome) else "conflict"
