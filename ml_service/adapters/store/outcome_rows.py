"""Outcomes as they were reported, page by page. The recorder writes them."""

from dataclasses import replace

from sqlalchemy import select, tuple_

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import outcome_from
from ml_service.adapters.store.paging import cursor_parts, narrowed, page_of, whole
from ml_service.adapters.store.supersession import told
from ml_service.adapters.store.transaction import Look
from ml_service.domain.outcomes import StoredOutcome
from ml_service.ports import Page, Period


class OutcomesReading(Look):
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
