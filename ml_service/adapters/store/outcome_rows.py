"""Outcomes as they were reported, and what is found out about them later. The recorder writes them."""

from dataclasses import replace

from sqlalchemy import or_, select, tuple_

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import decision_from, outcome_from
from ml_service.adapters.store.paging import cursor_parts, narrowed, page_of, whole
from ml_service.adapters.store.supersession import (
    change,
    find_outcome,
    settle,
    take_turn_alone,
    told,
    write_match,
)
from ml_service.adapters.store.transaction import Look, Transaction
from ml_service.adapters.store.writer import matched
from ml_service.domain.outcomes import Match, Outcome, StoredOutcome
from ml_service.domain.types import Decision
from ml_service.ports import Page, Period


class OutcomesReading(Look):
    def outcome(self, user_id: str, trade_id: str) -> StoredOutcome | None:
        found = find_outcome(self._connection, user_id, trade_id)
        return told(self._connection, [found])[0] if found is not None else None

    def outcomes(self, user_id: str, period: Period, cursor: str | None, limit: int) -> Page[StoredOutcome]:
        c = t.outcomes.c
        query = select(t.outcomes).where(c.user_id == user_id)
        query = narrowed(query, c.symbol, c.effective_at_ms, period)
        match period.kind:
            case "accepted":
                query = query.where(c.accepted.is_(True))
            case "rejected" | "counterfactual":
                query = query.where(c.accepted.is_(False))
            case "quarantined":
                query = query.where(c.quarantined.is_not(None))
            case "held":
                query = query.where(c.quarantined.is_not(None), c.released_at_ms.is_(None))
            case "superseded":
                query = query.where(c.superseded_by.is_not(None))
            case "unmatched":
                query = query.where(c.match == "none")
        if cursor is not None:
            at_ms, number = cursor_parts(cursor, 2)
            query = query.where(tuple_(c.effective_at_ms, c.id) < (whole(at_ms), whole(number)))
        query = query.order_by(c.effective_at_ms.desc(), c.id.desc())
        page = page_of(self._connection, query, limit, outcome_from, lambda row: (row["effective_at_ms"], row["id"]))
        return replace(page, items=tuple(told(self._connection, page.items)))

    def unmatched_outcomes(self, since_ms: int, cursor: str | None, limit: int) -> Page[StoredOutcome]:
        c = t.outcomes.c
        query = select(t.outcomes).where(
            c.match == "none",
            c.received_at_ms >= since_ms,
            or_(c.decision_id.is_not(None), c.signal_id.is_not(None), c.opened_at_ms.is_not(None)),
        )
        if cursor is not None:
            at_ms, number = cursor_parts(cursor, 2)
            query = query.where(tuple_(c.received_at_ms, c.id) > (whole(at_ms), whole(number)))
        query = query.order_by(c.received_at_ms, c.id)
        return page_of(self._connection, query, limit, outcome_from, lambda row: (row["received_at_ms"], row["id"]))

    def decision_for(self, outcome: Outcome) -> tuple[Match, Decision] | None:
        match, row = matched(self._connection, outcome)
        return (match, decision_from(row)) if row is not None else None


class OutcomesWriting(OutcomesReading, Transaction):
    def outcome_to_change(self, user_id: str, trade_id: str) -> StoredOutcome | None:
        take_turn_alone(self._connection, user_id)
        return self.outcome(user_id, trade_id)

    def save_match(self, stored: StoredOutcome) -> None:
        write_match(self._connection, stored)
        settle(self._connection, stored.outcome.user_id, stored.outcome.trade_id)

    def save_release(self, stored: StoredOutcome, at_ms: int) -> None:
        change(self._connection, stored, released_at_ms=at_ms)
        settle(self._connection, stored.outcome.user_id, stored.outcome.trade_id)
