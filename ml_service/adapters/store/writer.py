"""Decisions and outcomes into the database, many at a time, each counted once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import (
    canonical,
    decision_from,
    decision_row,
    outcome_hash,
    outcome_row,
)
from ml_service.adapters.store.outcome_days import note_changed
from ml_service.adapters.store.supersession import (
    Key,
    as_they_stand,
    both_kinds,
    corrections_of,
    find_outcome,
    objection_to,
    settle,
    take_turns,
    told,
)
from ml_service.adapters.store.upserts import insert_or_skip
from ml_service.domain.events import Event, JournalConflictFound, OutcomeReported
from ml_service.domain.ids import made_at_ms
from ml_service.domain.lessons import lesson_of
from ml_service.domain.outcomes import (
    MATCH_WINDOW_MS,
    Match,
    Outcome,
    Receipt,
    StoredOutcome,
    implausible,
    with_decision,
)
from ml_service.domain.types import ANY_SYMBOL, Decision, RecordedDecision

Row = dict[str, Any]

COLUMNS = tuple(column.name for column in t.decisions.columns)
INSERT_EVENT = insert(t.events)
ROWS_AT_ONCE = 500


@dataclass(slots=True)
class Reported:
    """An outcome with the moment it reached us."""

    outcome: Outcome
    received_at_ms: int


# ---- decisions


def write_decisions(connection: Connection, decisions: Sequence[Decision]) -> list[RecordedDecision]:
    named = [decision for decision in decisions if decision.named_by_caller]
    earlier = claim_ids(connection, named) if named else {}
    fresh = [decision for decision in decisions if earlier.get(id(decision)) is None]
    if fresh:
        insert_decisions(connection, [decision_row(one) for one in fresh])
    return [RecordedDecision("database", earlier.get(id(decision))) for decision in decisions]


def insert_decisions(connection: Connection, rows: Sequence[Row]) -> None:
    if connection.dialect.name == "sqlite":
        # Straight to the driver, many rows in one statement: on the hot path SQLAlchemy costs as much as SQLite
        # itself, and with every row of its own the driver would give the interpreter away and queue for it again.
        driver = connection.connection.driver_connection
        assert driver is not None
        for start in range(0, len(rows), ROWS_AT_ONCE):
            part = rows[start : start + ROWS_AT_ONCE]
            driver.execute(sqlite_insert(len(part)), [value for row in part for value in row.values()])
    else:
        connection.execute(insert_or_skip(connection, t.decisions), rows)


@cache
def sqlite_insert(rows: int) -> str:
    """`decision_row` has its values in the order of the columns; a test says so."""
    row = f"({', '.join('?' * len(COLUMNS))})"
    return f"INSERT INTO decisions ({', '.join(COLUMNS)}) VALUES {', '.join([row] * rows)} ON CONFLICT DO NOTHING"


def claim_ids(connection: Connection, named: Sequence[Decision]) -> dict[int, Decision | None]:
    """Enter the ids that callers chose; for each that was taken, the decision that holds it.

    The insert itself asks whether the id is taken: two processes that answer one signal at the same moment
    cannot both win.
    """
    won: set[tuple[str, str]] = set()
    candidates: dict[tuple[str, str], Decision] = {}
    for decision in named:
        candidates.setdefault((decision.user_id, decision.decision_id), decision)
    # An id of ours that comes back as the caller's own has a row, but no key yet.
    generated = {
        key: found
        for key, decision in candidates.items()
        if made_at_ms(key[1]) is not None and (found := find_decision(connection, *key)) is not None
    }
    rows = [
        {"user_id": user_id, "decision_id": decision_id, "evaluated_at_ms": decision.evaluated_at_ms}
        # One order for all writers: two groups that overlap on PostgreSQL would lock each other out otherwise.
        for (user_id, decision_id), decision in sorted(candidates.items(), key=first_of)
        if (user_id, decision_id) not in generated
    ]
    if rows:
        keys = t.decision_keys
        taken = insert_or_skip(connection, keys).returning(keys.c.user_id, keys.c.decision_id)
        won = {(row.user_id, row.decision_id) for row in connection.execute(taken, rows)}
    result: dict[int, Decision | None] = {}
    for decision in named:
        key = (decision.user_id, decision.decision_id)
        if key in won and candidates[key] is decision:
            result[id(decision)] = None
        elif key in won:
            result[id(decision)] = candidates[key]
        else:
            result[id(decision)] = generated.get(key) or find_decision(connection, *key)
    return result


def first_of(item: tuple[tuple[str, str], Decision]) -> tuple[str, str]:
    return item[0]


def find_decision(connection: Connection, user_id: str, decision_id: str) -> Decision | None:
    row = find_decision_row(connection, user_id, decision_id)
    return decision_from(row) if row is not None else None


def find_decision_row(connection: Connection, user_id: str, decision_id: str) -> Row | None:
    """An id of ours says itself when its decision was made; for a caller's own, the key does."""
    at_ms = made_at_ms(decision_id)
    found = decision_row_at(connection, user_id, decision_id, at_ms) if at_ms is not None else None
    if found is not None:
        return found
    keys = t.decision_keys
    at_ms = connection.execute(
        select(keys.c.evaluated_at_ms).where(keys.c.user_id == user_id, keys.c.decision_id == decision_id)
    ).scalar()
    return decision_row_at(connection, user_id, decision_id, at_ms) if at_ms is not None else None


def decision_row_at(connection: Connection, user_id: str, decision_id: str, at_ms: int) -> Row | None:
    c = t.decisions.c
    query = select(t.decisions).where(c.user_id == user_id, c.evaluated_at_ms == at_ms, c.decision_id == decision_id)
    return row_of(connection, query)


# ---- outcomes


def write_outcomes(connection: Connection, reports: Sequence[Reported]) -> list[Receipt]:
    keys = t.outcome_keys
    first: dict[Key, Reported] = {}
    for report in reports:
        first.setdefault(key_of(report), report)
    hashes = {key: outcome_hash(report.outcome) for key, report in first.items()}
    taken = insert_or_skip(connection, keys).returning(keys.c.user_id, keys.c.trade_id)
    rows = [{"user_id": key[0], "trade_id": key[1], "body_hash": hashes[key]} for key in sorted(first)]
    won = {(row.user_id, row.trade_id) for row in connection.execute(taken, rows)}

    take_turns(connection, [first[key].outcome for key in first if key in won])
    written, refused = enter(connection, [first[key] for key in first if key in won])
    if refused:
        # Nothing stays of them, so that the same id is free for a correction that is right.
        for user_id, trade_id in refused:
            connection.execute(delete(keys).where(keys.c.user_id == user_id, keys.c.trade_id == trade_id))
    if written:
        events = [event_row(reported(stored), stored.received_at_ms) for stored in written.values()]
        connection.execute(insert(t.events), events)
        for stored in written.values():
            note_changed(connection, stored.outcome.user_id, stored.effective_at_ms)
    return [receipt(connection, report, first, written, refused) for report in reports]


def enter(
    connection: Connection, reports: Sequence[Reported]
) -> tuple[dict[Key, StoredOutcome], dict[Key, tuple[StoredOutcome, str]]]:
    """What was written, as it stands now, and the corrections that were refused, with the reason."""
    written = {key_of(report): weighed(connection, report) for report in reports if report.outcome.corrects is None}
    if written:
        connection.execute(insert(t.outcomes), [outcome_row(stored) for stored in written.values()])
    refused: dict[Key, tuple[StoredOutcome, str]] = {}
    unsettled = spoken_for(connection, list(written.values())) if written else set()
    # One after the other: each may depend on the one before.
    for report in reports:
        if report.outcome.corrects is None:
            continue
        stored = weighed(connection, report)
        complaint = objection_to(connection, report.outcome)
        if complaint is not None:
            refused[key_of(report)] = (stored, complaint)
            continue
        connection.execute(insert(t.outcomes), [outcome_row(stored)])
        written[key_of(report)] = stored
        unsettled.add(key_of(report))
    for key in sorted(unsettled):
        settle(connection, *key)
    if unsettled:
        written = as_they_stand(connection, list(written))
    return written, refused


def spoken_for(connection: Connection, outcomes: Sequence[StoredOutcome]) -> set[Key]:
    """Outcomes whose correction came first, or whose decision has a result of the other kind."""
    found: set[Key] = set()
    for user_id in {one.outcome.user_id for one in outcomes}:
        own = {one.outcome.trade_id: one for one in outcomes if one.outcome.user_id == user_id}
        for correction in corrections_of(connection, user_id, list(own)):
            outcome = correction.outcome
            assert outcome.corrects is not None
            if outcome.symbol == own[outcome.corrects].outcome.symbol:
                found.add((user_id, outcome.corrects))
            else:
                # It was taken when nobody could know; now it stands for a trade of its own.
                content = canonical(outcome_row(correction))
                note_conflict(connection, "correction", user_id, outcome.trade_id, content, correction.received_at_ms)
        matched_ids = sorted({one.matched_decision_id for one in own.values() if one.matched_decision_id is not None})
        both = both_kinds(connection, user_id, matched_ids)
        found |= {(user_id, name) for name, one in own.items() if one.matched_decision_id in both}
    return found


def receipt(
    connection: Connection,
    report: Reported,
    first: dict[Key, Reported],
    written: dict[Key, StoredOutcome],
    refused: dict[Key, tuple[StoredOutcome, str]],
) -> Receipt:
    key = key_of(report)
    if key in refused:
        stored, complaint = refused[key]
        return Receipt("conflict", "database", stored, complaint)
    if key in written and first[key] is report:
        stored = written[key]
        return Receipt("quarantined" if stored.quarantined else "created", "database", stored)
    known = written.get(key) or find_outcome(connection, *key)
    if known is None:
        # Its row was pruned; the key outlives it, so that it is not counted a second time.
        known = StoredOutcome(report.outcome, report.received_at_ms, "none", None, None)
        same = key_hash(connection, *key) == outcome_hash(report.outcome)
    else:
        same = outcome_hash(known.outcome) == outcome_hash(report.outcome)
        known = told(connection, [known])[0]
    return Receipt("duplicate" if same else "conflict", "database", known)


def key_of(report: Reported) -> Key:
    return report.outcome.user_id, report.outcome.trade_id


def weighed(connection: Connection, report: Reported) -> StoredOutcome:
    match, row = matched(connection, report.outcome)
    stored = StoredOutcome(
        outcome=report.outcome,
        received_at_ms=report.received_at_ms,
        match="none",
        matched_decision_id=None,
        quarantined=implausible(report.outcome, report.received_at_ms),
    )
    return (
        with_decision(stored, match, row["decision_id"], lesson_of(decision_from(row))) if row is not None else stored
    )


def matched(connection: Connection, outcome: Outcome) -> tuple[Match, Row | None]:
    """The decision an outcome belongs to: named by id, by signal, or the nearest take just before it was opened."""
    if outcome.decision_id is not None:
        row = find_decision_row(connection, outcome.user_id, outcome.decision_id)
        return ("decision_id", row) if is_about(row, outcome) else ("none", None)
    if outcome.signal_id is not None:
        row = find_decision_row(connection, outcome.user_id, outcome.signal_id)
        row = row or row_of_signal(connection, outcome.user_id, outcome.signal_id)
        if is_about(row, outcome):
            return "signal_id", row
    row = nearest_take(connection, outcome)
    return ("nearest", row) if row is not None else ("none", None)


def is_about(row: Row | None, outcome: Outcome) -> bool:
    """A result of one symbol says nothing about a signal for another."""
    return row is not None and row["symbol"] in (outcome.symbol, ANY_SYMBOL)


def row_of_signal(connection: Connection, user_id: str, signal_id: str) -> Row | None:
    d = t.decisions
    return row_of(
        connection,
        select(d).where(d.c.user_id == user_id, d.c.signal_id == signal_id).order_by(d.c.evaluated_at_ms).limit(1),
    )


def nearest_take(connection: Connection, outcome: Outcome) -> Row | None:
    if outcome.opened_at_ms is None:
        return None
    d = t.decisions
    sides = ["BUY", "SELL"] if outcome.side is None else [outcome.side]
    return row_of(
        connection,
        select(d)
        .where(
            d.c.user_id == outcome.user_id,
            d.c.evaluated_at_ms >= outcome.opened_at_ms - MATCH_WINDOW_MS,
            d.c.evaluated_at_ms <= outcome.opened_at_ms,
            d.c.symbol == outcome.symbol,
            d.c.action.in_(sides),
            d.c.decision == "take",
        )
        .order_by(d.c.evaluated_at_ms.desc())
        .limit(1),
    )


def row_of(connection: Connection, query: Select[Any]) -> Row | None:
    row = connection.execute(query).mappings().first()
    return dict(row) if row is not None else None


def key_hash(connection: Connection, user_id: str, trade_id: str) -> bytes:
    keys = t.outcome_keys
    stored = connection.execute(
        select(keys.c.body_hash).where(keys.c.user_id == user_id, keys.c.trade_id == trade_id)
    ).scalar_one()
    return bytes(stored)


def reported(stored: StoredOutcome) -> OutcomeReported:
    outcome = stored.outcome
    return OutcomeReported(outcome.user_id, outcome.trade_id, outcome.symbol, stored.quarantined)


# ---- what both leave behind


def publish(connection: Connection, event: Event, at_ms: int) -> None:
    connection.execute(INSERT_EVENT, event_row(event, at_ms))


def event_row(event: Event, at_ms: int) -> Row:
    payload = {name: getattr(event, name) for name in type(event).__slots__}
    return {"kind": event.kind, "payload": canonical(payload), "created_at_ms": at_ms}


def note_conflict(connection: Connection, kind: str, user_id: str, record_id: str, payload: str, at_ms: int) -> None:
    connection.execute(
        insert(t.journal_conflicts).values(
            kind=kind, user_id=user_id, record_id=record_id, payload=payload, found_at_ms=at_ms
        )
    )
    publish(connection, JournalConflictFound(user_id, kind, record_id), at_ms)
