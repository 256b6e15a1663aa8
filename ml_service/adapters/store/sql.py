"""The store: thresholds, decisions, outcomes, keys and the audit chain, on SQLite and on PostgreSQL."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection, Select, and_, func, insert, select, tuple_, update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import Row, canonical, decision_from, outcome_from, row_hash
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.writer import find_decision_row, insert_or_skip, publish
from ml_service.domain.audit import GENESIS, AuditEntry, entry_after
from ml_service.domain.events import Event
from ml_service.domain.keys import ApiKey
from ml_service.domain.outcomes import StoredOutcome
from ml_service.domain.types import Decision, Kill, Thresholds
from ml_service.domain.view import Changes
from ml_service.errors import InvalidInput
from ml_service.ports import Page, Period

ROWS_AT_ONCE = 500
HOUR_MS = 3_600_000

Built = TypeVar("Built")


@dataclass(frozen=True, slots=True)
class Committed:
    """What a finished transaction tells the rest of the process."""

    generation: int | None
    audit_head: tuple[int, str] | None


class SqlStore:
    def __init__(self, database: Database, on_commit: Callable[[Committed], None] = lambda committed: None) -> None:
        self._database = database
        self._on_commit = on_commit

    @contextmanager
    def read(self) -> Iterator["SqlReading"]:
        with self._database.read() as connection:
            yield SqlReading(connection)

    @contextmanager
    def begin(self) -> Iterator["SqlWriting"]:
        with self._database.write() as connection:
            writing = SqlWriting(connection)
            yield writing
        if writing.committed.generation is not None:
            self._on_commit(writing.committed)


class SqlReading:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # ---- the snapshot

    def changes_since(self, store_id: str, generation: int) -> Changes | None:
        current = self._connection.execute(select(t.generations.c.value)).scalar_one()
        mine = self.store_id()
        known = mine == store_id and generation <= current
        if known and generation == current:
            return None
        since = generation if known else -1
        heads, rows = t.threshold_heads, t.thresholds
        return Changes(
            store_id=mine,
            generation=current,
            thresholds=tuple(
                thresholds_from(row)
                for row in self._connection.execute(
                    select(rows)
                    .join(
                        heads,
                        and_(
                            heads.c.user_id == rows.c.user_id,
                            heads.c.symbol == rows.c.symbol,
                            heads.c.revision == rows.c.revision,
                        ),
                    )
                    .where(heads.c.generation > since)
                ).mappings()
            ),
            keys=tuple(
                key_from(row)
                for row in self._connection.execute(
                    select(t.api_keys).where(t.api_keys.c.generation > since)
                ).mappings()
            ),
            kills=tuple(
                kill_from(row)
                for row in self._connection.execute(
                    select(t.kill_switches).where(t.kill_switches.c.generation > since)
                ).mappings()
            ),
            full=not known,
        )

    def store_id(self) -> str:
        facts = t.store_facts
        query = select(facts.c.value).where(facts.c.name == "store_id")
        return str(self._connection.execute(query).scalar_one())

    # ---- thresholds

    def thresholds_revision(self, user_id: str, symbol: str, revision: int) -> Thresholds | None:
        c = t.thresholds.c
        return self._first(
            select(t.thresholds).where(c.user_id == user_id, c.symbol == symbol, c.revision == revision),
            thresholds_from,
        )

    def thresholds_at(self, user_id: str, symbol: str, at_ms: int) -> Thresholds | None:
        c = t.thresholds.c
        return self._first(
            select(t.thresholds)
            .where(c.user_id == user_id, c.symbol == symbol, c.changed_at_ms <= at_ms)
            .order_by(c.revision.desc())
            .limit(1),
            thresholds_from,
        )

    def thresholds_history(self, user_id: str, symbol: str | None, cursor: str | None, limit: int) -> Page[Thresholds]:
        c = t.thresholds.c
        query = select(t.thresholds).where(c.user_id == user_id)
        if symbol is not None:
            query = query.where(c.symbol == symbol)
        if cursor is not None:
            at_ms, where, revision = cursor_parts(cursor, 3)
            query = query.where(tuple_(c.changed_at_ms, c.symbol, c.revision) < (whole(at_ms), where, whole(revision)))
        query = query.order_by(c.changed_at_ms.desc(), c.symbol.desc(), c.revision.desc())
        return self._page(
            query, limit, thresholds_from, lambda row: (row["changed_at_ms"], row["symbol"], row["revision"])
        )

    # ---- decisions

    def decision(self, user_id: str, decision_id: str) -> Decision | None:
        row = find_decision_row(self._connection, user_id, decision_id)
        return decision_as_found(row) if row is not None else None

    def is_untouched(self, decision: Decision) -> bool:
        row = find_decision_row(self._connection, decision.user_id, decision.decision_id)
        return row is not None and bytes(row["row_hash"]) == row_hash(row)

    def decisions(self, user_id: str, period: Period, cursor: str | None, limit: int) -> Page[Decision]:
        c = t.decisions.c
        query = select(t.decisions).where(c.user_id == user_id)
        query = narrowed(query, c.symbol, c.evaluated_at_ms, period)
        if period.kind is not None:
            query = query.where(c.decision == period.kind)
        if cursor is not None:
            at_ms, decision_id = cursor_parts(cursor, 2)
            query = query.where(tuple_(c.evaluated_at_ms, c.decision_id) < (whole(at_ms), decision_id))
        query = query.order_by(c.evaluated_at_ms.desc(), c.decision_id.desc())
        return self._page(query, limit, decision_as_found, lambda row: (row["evaluated_at_ms"], row["decision_id"]))

    def decisions_between(self, since_ms: int, until_ms: int) -> Iterator[tuple[Decision, bool]]:
        # Hour by hour: PostgreSQL's block-range index finds a time span, but cannot give an order.
        for begin in range(since_ms, until_ms, HOUR_MS):
            yield from self._decisions_within(begin, min(begin + HOUR_MS, until_ms))

    def _decisions_within(self, since_ms: int, until_ms: int) -> Iterator[tuple[Decision, bool]]:
        c = t.decisions.c
        last = (since_ms, "", "")
        while True:
            rows = (
                self._connection.execute(
                    select(t.decisions)
                    .where(
                        c.evaluated_at_ms >= last[0],
                        c.evaluated_at_ms < until_ms,
                        tuple_(c.evaluated_at_ms, c.user_id, c.decision_id) > last,
                    )
                    .order_by(c.evaluated_at_ms, c.user_id, c.decision_id)
                    .limit(ROWS_AT_ONCE)
                )
                .mappings()
                .all()
            )
            for row in rows:
                yield decision_as_found(row), bytes(row["row_hash"]) == row_hash(row)
            if len(rows) < ROWS_AT_ONCE:
                return
            last = (rows[-1]["evaluated_at_ms"], rows[-1]["user_id"], rows[-1]["decision_id"])

    # ---- outcomes

    def outcomes(self, user_id: str, period: Period, cursor: str | None, limit: int) -> Page[StoredOutcome]:
        c = t.outcomes.c
        query = select(t.outcomes).where(c.user_id == user_id)
        query = narrowed(query, c.symbol, c.effective_at_ms, period)
        match period.kind:
            case "accepted":
                query = query.where(c.accepted.is_(True))
            case "rejected":
                query = query.where(c.accepted.is_(False))
            case "quarantined":
                query = query.where(c.quarantined.is_not(None))
        if cursor is not None:
            at_ms, number = cursor_parts(cursor, 2)
            query = query.where(tuple_(c.effective_at_ms, c.id) < (whole(at_ms), whole(number)))
        query = query.order_by(c.effective_at_ms.desc(), c.id.desc())
        return self._page(query, limit, outcome_from, lambda row: (row["effective_at_ms"], row["id"]))

    # ---- settings, keys, kill switch, audit

    def settings_document(self, settings_hash: str) -> Mapping[str, Any] | None:
        c = t.settings_documents.c
        text = self._connection.execute(select(c.document).where(c.hash == settings_hash)).scalar()
        return orjson.loads(text) if text is not None else None

    def settings_at(self, at_ms: int) -> tuple[str, Mapping[str, Any]] | None:
        """The settings that the newest decision up to that moment was made under, else the first known."""
        d, c = t.decisions.c, t.settings_documents.c
        settings_hash = None
        # The hour before first, then the day, then all: most questions are answered by a few blocks.
        for reach_ms in (HOUR_MS, 24 * HOUR_MS, at_ms):
            settings_hash = self._connection.execute(
                select(d.settings_hash)
                .where(d.evaluated_at_ms <= at_ms, d.evaluated_at_ms >= at_ms - reach_ms)
                .order_by(d.evaluated_at_ms.desc())
                .limit(1)
            ).scalar()
            if settings_hash is not None:
                break
        if settings_hash is None:
            settings_hash = self._connection.execute(
                select(c.hash).where(c.first_seen_ms <= at_ms).order_by(c.first_seen_ms.desc()).limit(1)
            ).scalar()
        if settings_hash is None:
            return None
        document = self.settings_document(settings_hash)
        return (settings_hash, document) if document is not None else None

    def kill(self, user_id: str) -> Kill | None:
        return self._first(select(t.kill_switches).where(t.kill_switches.c.user_id == user_id), kill_from)

    def all_keys(self) -> tuple[ApiKey, ...]:
        rows = self._connection.execute(select(t.api_keys).order_by(t.api_keys.c.created_at_ms)).mappings()
        return tuple(key_from(row) for row in rows)

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

    def counts(self, since_ms: int) -> Mapping[str, int]:
        d, o, e = t.decisions.c, t.outcomes.c, t.events.c
        counts = {"take": 0, "reject": 0, "abstain": 0}
        counts |= {
            row.decision: row.count
            for row in self._connection.execute(
                select(d.decision, func.count().label("count"))
                .where(d.evaluated_at_ms >= since_ms)
                .group_by(d.decision)
            )
        }
        counts["outcomes"] = self._count(select(func.count()).where(o.received_at_ms >= since_ms))
        counts["users_with_thresholds"] = self._count(select(func.count(t.threshold_heads.c.user_id.distinct())))
        counts["threshold_scopes"] = self._count(select(func.count()).select_from(t.threshold_heads))
        counts["events_waiting"] = self._count(
            select(func.count()).where(e.handled_at_ms.is_(None), e.set_aside.is_(False))
        )
        counts["events_set_aside"] = self._count(select(func.count()).where(e.set_aside.is_(True)))
        counts["journal_conflicts"] = self._count(select(func.count()).select_from(t.journal_conflicts))
        return counts

    def cursor(self, name: str) -> str | None:
        c = t.cursors.c
        return self._connection.execute(select(c.value).where(c.name == name)).scalar()

    # ---- helpers

    def _count(self, query: Select[Any]) -> int:
        return int(self._connection.execute(query).scalar_one())

    def _first(self, query: Select[Any], build: Callable[[Row], Built]) -> Built | None:
        row = self._connection.execute(query).mappings().first()
        return build(row) if row is not None else None

    def _page(
        self,
        query: Select[Any],
        limit: int,
        build: Callable[[Row], Built],
        position: Callable[[Row], tuple[object, ...]],
    ) -> Page[Built]:
        rows = self._connection.execute(query.limit(limit + 1)).mappings().all()
        more = len(rows) > limit
        items = tuple(build(row) for row in rows[:limit])
        cursor = "~".join(str(part) for part in position(rows[limit - 1])) if more else None
        return Page(items, cursor)


class SqlWriting(SqlReading):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._generation_moved: int | None = None
        self._audit_head: tuple[int, str] | None = None

    @property
    def committed(self) -> Committed:
        return Committed(self._generation_moved, self._audit_head)

    def thresholds_head(self, user_id: str, symbol: str) -> Thresholds | None:
        heads = t.threshold_heads
        # Locked until the commit, so that whoever writes the next revision has read the newest one.
        revision = self._connection.execute(
            select(heads.c.revision).where(heads.c.user_id == user_id, heads.c.symbol == symbol).with_for_update()
        ).scalar()
        return self.thresholds_revision(user_id, symbol, revision) if revision is not None else None

    def save_thresholds(self, thresholds: Thresholds) -> bool:
        heads = t.threshold_heads
        generation = self._generation()
        scope = {"user_id": thresholds.user_id, "symbol": thresholds.symbol}
        if thresholds.revision == 1:
            row = {**scope, "revision": 1, "generation": generation}
            taken = insert_or_skip(self._connection, heads).returning(heads.c.revision)
            moved = self._connection.execute(taken, [row]).first() is not None
        else:
            moved = (
                self._connection.execute(
                    update(heads)
                    .where(
                        heads.c.user_id == thresholds.user_id,
                        heads.c.symbol == thresholds.symbol,
                        heads.c.revision == thresholds.revision - 1,
                    )
                    .values(revision=thresholds.revision, generation=generation)
                ).rowcount
                == 1
            )
        if moved:
            self._connection.execute(insert(t.thresholds).values(**thresholds_row(thresholds)))
        return moved

    def save_kill(self, kill: Kill) -> None:
        row = {
            "on": kill.on,
            "reason": kill.reason,
            "actor": kill.actor,
            "changed_at_ms": kill.changed_at_ms,
            "generation": self._generation(),
        }
        self._upsert(t.kill_switches, {"user_id": kill.user_id}, row)

    def save_key(self, key: ApiKey) -> None:
        row = {
            "sha256": key.sha256,
            "scope": key.scope,
            "users": canonical(key.users) if key.users is not None else None,
            "name": key.name,
            "created_at_ms": key.created_at_ms,
            "expires_at_ms": key.expires_at_ms,
            "revoked_at_ms": key.revoked_at_ms,
            "generation": self._generation(),
        }
        self._upsert(t.api_keys, {"id": key.id}, row)

    def save_settings_document(self, settings_hash: str, document: Mapping[str, Any], at_ms: int) -> bool:
        documents = t.settings_documents
        row = {"hash": settings_hash, "document": canonical(document), "first_seen_ms": at_ms}
        taken = insert_or_skip(self._connection, documents).returning(documents.c.hash)
        return self._connection.execute(taken, [row]).first() is not None

    def publish(self, event: Event, at_ms: int) -> None:
        publish(self._connection, event, at_ms)

    def append_audit(
        self, at_ms: int, actor: str, action: str, subject: str, details: Mapping[str, Any]
    ) -> tuple[int, str]:
        # The generation row is locked until the commit, so that entries of two processes form one chain.
        self._generation()
        c = t.audit.c
        last = self._connection.execute(select(c.sequence, c.hash).order_by(c.sequence.desc()).limit(1)).first()
        entry = entry_after(
            (last.sequence, last.hash) if last is not None else (0, GENESIS), at_ms, actor, action, subject, details
        )
        self._connection.execute(
            insert(t.audit).values(
                sequence=entry.sequence,
                at_ms=entry.at_ms,
                actor=entry.actor,
                action=entry.action,
                subject=entry.subject,
                details=canonical(entry.details),
                previous_hash=entry.previous_hash,
                hash=entry.hash,
            )
        )
        self._audit_head = (entry.sequence, entry.hash)
        return self._audit_head

    def save_cursor(self, name: str, value: str) -> None:
        self._upsert(t.cursors, {"name": name}, {"value": value})

    def _upsert(self, table: Any, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        where = and_(*(table.c[name] == value for name, value in key.items()))
        if self._connection.execute(insert_or_skip(self._connection, table).values(**key, **values)).rowcount != 1:
            self._connection.execute(update(table).where(where).values(**values))

    def _generation(self) -> int:
        """The generation this transaction becomes; moved once, with the commit."""
        if self._generation_moved is None:
            g = t.generations
            self._generation_moved = self._connection.execute(
                update(g).values(value=g.c.value + 1).returning(g.c.value)
            ).scalar_one()
        return self._generation_moved


def found_store(connection: Connection) -> None:
    """The first rows of a new database: its identity and its generation counter."""
    connection.execute(insert_or_skip(connection, t.store_facts), [{"name": "store_id", "value": uuid.uuid4().hex}])
    connection.execute(insert_or_skip(connection, t.generations), [{"id": 1, "value": 0}])


def narrowed(query: Select[Any], symbol: Any, at_ms: Any, period: Period) -> Select[Any]:
    if period.symbol is not None:
        query = query.where(symbol == period.symbol)
    if period.since_ms is not None:
        query = query.where(at_ms >= period.since_ms)
    if period.until_ms is not None:
        query = query.where(at_ms < period.until_ms)
    return query


def cursor_parts(cursor: str, count: int) -> list[str]:
    parts = cursor.split("~")
    if len(parts) != count:
        raise InvalidInput.at("cursor", "expected the next_cursor of an earlier page")
    return parts


def whole(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise InvalidInput.at("cursor", "expected the next_cursor of an earlier page") from None
    if abs(number) >= 2**63:
        raise InvalidInput.at("cursor", "expected the next_cursor of an earlier page")
    return number


def thresholds_row(thresholds: Thresholds) -> dict[str, Any]:
    return {
        "user_id": thresholds.user_id,
        "symbol": thresholds.symbol,
        "revision": thresholds.revision,
        "limits": canonical(thresholds.values),
        "source": thresholds.source,
        "reason": thresholds.reason,
        "actor": thresholds.actor,
        "settings_hash": thresholds.settings_hash,
        "changed_at_ms": thresholds.changed_at_ms,
    }


def thresholds_from(row: Row) -> Thresholds:
    return Thresholds(
        user_id=row["user_id"],
        symbol=row["symbol"],
        revision=row["revision"],
        values=orjson.loads(row["limits"]),
        changed_at_ms=row["changed_at_ms"],
        source=row["source"],
        reason=row["reason"],
        actor=row["actor"],
        settings_hash=row["settings_hash"],
    )


def key_from(row: Row) -> ApiKey:
    return ApiKey(
        id=row["id"],
        sha256=row["sha256"],
        scope=row["scope"],
        users=tuple(orjson.loads(row["users"])) if row["users"] is not None else None,
        name=row["name"],
        created_at_ms=row["created_at_ms"],
        expires_at_ms=row["expires_at_ms"],
        revoked_at_ms=row["revoked_at_ms"],
    )


def kill_from(row: Row) -> Kill:
    return Kill(row["user_id"], bool(row["on"]), row["reason"], row["actor"], row["changed_at_ms"])


UNREADABLE = {"input": '{"values":{}}', "result": '{"reasons":[],"thresholds":[]}'}


def decision_as_found(row: Row) -> Decision:
    """A row that was damaged by hand can still be named; what cannot be understood of it is left empty."""
    try:
        decision = decision_from(row)
    except (ValueError, KeyError, TypeError, AttributeError):
        return decision_from({**row, **UNREADABLE})
    if not all(isinstance(value, int | float) for value in decision.signal.values.values()):
        return decision_from({**row, **UNREADABLE})
    return decision


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
