"""Which outcome counts where several speak of one trade or one decision, written in the transaction that found out.

A correction takes the place of what it corrects, whichever of the two came first; the real result of a decision takes
the place of one that was worked out for it. Each row names the next in line; the one that names nobody counts.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, and_, or_, select, update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import lesson_document, outcome_from
from ml_service.adapters.store.outcome_days import note_changed
from ml_service.domain.corrections import objection, stand_ins, takes_decision_of
from ml_service.domain.outcomes import Outcome, StoredOutcome, with_decision

LOCKS = 64
LOCK_SPACE = 7_301_266
NAMES_AT_ONCE = 500

Key = tuple[str, str]
"""User and trade_id."""


def take_turns(connection: Connection, outcomes: Iterable[Outcome]) -> None:
    """Two processes that write, at one moment, an outcome and what takes its place would each miss the other's row.
    So a correction and an imagined result wait for every other writer of their user, the usual outcome only for
    those. SQLite has a single writer anyway."""
    if connection.dialect.name != "postgresql":
        return
    alone: dict[int, bool] = {}
    for outcome in outcomes:
        lock = zlib.crc32(outcome.user_id.encode()) % LOCKS
        alone[lock] = alone.get(lock, False) or outcome.corrects is not None or not outcome.accepted
    if alone:
        # In one order for all, so that nobody waits in a circle.
        calls = [
            f"pg_advisory_xact_lock{'' if alone[lock] else '_shared'}({LOCK_SPACE}, {lock})" for lock in sorted(alone)
        ]
        connection.exec_driver_sql(f"SELECT {', '.join(calls)}")


def take_turn_alone(connection: Connection, user_id: str) -> None:
    """Before anything that may change which outcomes of a user count."""
    if connection.dialect.name == "postgresql":
        lock = zlib.crc32(user_id.encode()) % LOCKS
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK_SPACE}, {lock})")


# ---- corrections


def objection_to(connection: Connection, correction: Outcome) -> str | None:
    assert correction.corrects is not None
    original = find_outcome(connection, correction.user_id, correction.corrects)
    earlier = correction_of(connection, correction.user_id, correction.corrects, correction.symbol)
    return objection(
        correction,
        original.outcome if original is not None else None,
        earlier.outcome.trade_id if earlier is not None else None,
        original is not None and leads_to(connection, original, correction.trade_id),
    )


def leads_to(connection: Connection, stored: StoredOutcome, trade_id: str) -> bool:
    corrected = stored.outcome.corrects
    while corrected is not None and corrected != trade_id:
        before = find_outcome(connection, stored.outcome.user_id, corrected)
        corrected = before.outcome.corrects if before is not None else None
    return corrected is not None


def corrections_of(connection: Connection, user_id: str, trade_ids: Sequence[str]) -> list[StoredOutcome]:
    """What came to correct these, rightly or not."""
    c = t.outcomes.c
    return [
        stored
        for start in range(0, len(trade_ids), NAMES_AT_ONCE)
        for stored in outcomes_where(
            connection, c.user_id == user_id, c.corrects.in_(trade_ids[start : start + NAMES_AT_ONCE])
        )
    ]


def correction_of(connection: Connection, user_id: str, trade_id: str, symbol: str) -> StoredOutcome | None:
    found = corrections_of(connection, user_id, [trade_id])
    return next((one for one in found if one.outcome.symbol == symbol), None)


# ---- which one counts


def settle(connection: Connection, user_id: str, trade_id: str) -> None:
    """Name the next in line in every row of a trade, and in the imagined results of its decision."""
    chain = chain_of(connection, user_id, trade_id)
    for position in range(1, len(chain)):
        if takes_decision_of(chain[position], chain[position - 1]):
            chain[position] = take_over_decision(connection, chain[position], chain[position - 1])
    counting = chain[0]
    for stored, stand_in in zip(chain, stand_ins(chain), strict=True):
        if stand_in is None:
            counting = stored
        else:
            supersede(connection, stored, stand_in)
    if counting.outcome.accepted:
        supersede(connection, counting, None)
        if not counting.is_quarantined:
            supersede_imagined(connection, counting)
    else:
        supersede(connection, counting, real_result(connection, counting))


def chain_of(connection: Connection, user_id: str, trade_id: str) -> list[StoredOutcome]:
    """The original first, then each correction of the one before."""
    middle = find_outcome(connection, user_id, trade_id)
    assert middle is not None
    chain = [middle]
    seen = {trade_id}
    while (corrects := chain[0].outcome.corrects) is not None and corrects not in seen:
        before = find_outcome(connection, user_id, corrects)
        if before is None or before.outcome.symbol != middle.outcome.symbol:
            break
        seen.add(corrects)
        chain.insert(0, before)
    while True:
        after = correction_of(connection, user_id, chain[-1].outcome.trade_id, middle.outcome.symbol)
        if after is None or after.outcome.trade_id in seen:
            return chain
        seen.add(after.outcome.trade_id)
        chain.append(after)


def take_over_decision(connection: Connection, correction: StoredOutcome, before: StoredOutcome) -> StoredOutcome:
    following = with_decision(correction, before.match, before.matched_decision_id, before.lesson)
    write_match(connection, following)
    return following


def write_match(connection: Connection, stored: StoredOutcome) -> None:
    change(
        connection,
        stored,
        match=stored.match,
        matched_decision_id=stored.matched_decision_id,
        lesson=lesson_document(stored.lesson) if stored.lesson is not None else None,
        quarantined=stored.quarantined,
    )


def supersede(connection: Connection, stored: StoredOutcome, stand_in: str | None) -> None:
    if stored.superseded_by != stand_in:
        change(connection, stored, superseded_by=stand_in)


def change(connection: Connection, stored: StoredOutcome, **values: Any) -> None:
    c, outcome = t.outcomes.c, stored.outcome
    changed = connection.execute(
        update(t.outcomes)
        .where(c.user_id == outcome.user_id, c.trade_id == outcome.trade_id)
        .values(**values)
        .returning(c.effective_at_ms)
    ).scalar_one()
    note_changed(connection, outcome.user_id, changed)


# ---- imagined results


def supersede_imagined(connection: Connection, real: StoredOutcome) -> None:
    if real.matched_decision_id is None:
        return
    c = t.outcomes.c
    changed = connection.execute(
        update(t.outcomes)
        .where(
            c.user_id == real.outcome.user_id,
            c.matched_decision_id == real.matched_decision_id,
            c.accepted.is_(False),
            c.superseded_by.is_(None),
        )
        .values(superseded_by=real.outcome.trade_id)
        .returning(c.effective_at_ms)
    ).scalars()
    for effective_at_ms in changed.all():
        note_changed(connection, real.outcome.user_id, effective_at_ms)


def real_result(connection: Connection, imagined: StoredOutcome) -> str | None:
    if imagined.matched_decision_id is None:
        return None
    c = t.outcomes.c
    return connection.execute(
        select(c.trade_id)
        .where(
            c.user_id == imagined.outcome.user_id,
            c.matched_decision_id == imagined.matched_decision_id,
            c.accepted.is_(True),
            c.superseded_by.is_(None),
            or_(c.quarantined.is_(None), c.released_at_ms.is_not(None)),
        )
        .order_by(c.id)
        .limit(1)
    ).scalar()


def both_kinds(connection: Connection, user_id: str, decision_ids: Sequence[str]) -> set[str]:
    """Decisions with a real and an imagined result."""
    c = t.outcomes.c
    found: set[str] = set(decision_ids)
    # Imagined ones are few, so mostly nothing is left to ask the second time.
    for accepted in (False, True):
        names, found = sorted(found), set()
        for start in range(0, len(names), NAMES_AT_ONCE):
            part = and_(
                c.user_id == user_id,
                c.matched_decision_id.in_(names[start : start + NAMES_AT_ONCE]),
                c.accepted.is_(accepted),
            )
            found |= set(connection.execute(select(c.matched_decision_id).where(part).distinct()).scalars())
    return found


# ---- rows


def find_outcome(connection: Connection, user_id: str, trade_id: str) -> StoredOutcome | None:
    c = t.outcomes.c
    return next(iter(outcomes_where(connection, c.user_id == user_id, c.trade_id == trade_id)), None)


def outcomes_where(connection: Connection, *conditions: Any) -> list[StoredOutcome]:
    rows = connection.execute(select(t.outcomes).where(*conditions).order_by(t.outcomes.c.id)).mappings()
    return [outcome_from(row) for row in rows]


def as_they_stand(connection: Connection, keys: Sequence[Key]) -> dict[Key, StoredOutcome]:
    c = t.outcomes.c
    found = [
        stored
        for user_id, names in portions(keys)
        for stored in outcomes_where(connection, c.user_id == user_id, c.trade_id.in_(names))
    ]
    return {(one.outcome.user_id, one.outcome.trade_id): one for one in told(connection, found)}


def told(connection: Connection, outcomes: Sequence[StoredOutcome]) -> list[StoredOutcome]:
    """With the original that a correction still waits for."""
    c = t.outcomes.c
    corrected = {(one.outcome.user_id, one.outcome.corrects) for one in outcomes if one.outcome.corrects is not None}
    known = {
        (user_id, trade_id)
        for user_id, names in portions(sorted(corrected))
        for trade_id in connection.execute(
            select(c.trade_id).where(c.user_id == user_id, c.trade_id.in_(names))
        ).scalars()
    }
    missing = corrected - known
    return [
        replace(one, waiting_for=one.outcome.corrects)
        if (one.outcome.user_id, one.outcome.corrects) in missing
        else one
        for one in outcomes
    ]


def portions(keys: Iterable[Key]) -> Iterator[tuple[str, list[str]]]:
    """User by user, never too many names at once."""
    by_user: dict[str, list[str]] = {}
    for user_id, trade_id in keys:
        by_user.setdefault(user_id, []).append(trade_id)
    for user_id, names in by_user.items():
        for start in range(0, len(names), NAMES_AT_ONCE):
            yield user_id, names[start : start + NAMES_AT_ONCE]
