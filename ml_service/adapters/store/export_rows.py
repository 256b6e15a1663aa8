"""What is exported, oldest first, in portions: each begins after the last row of the one before."""

from dataclasses import replace

from sqlalchemy import func, select, tuple_

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import Row, outcome_from
from ml_service.adapters.store.decision_rows import decision_as_found
from ml_service.adapters.store.learner_rows import adaptation_from
from ml_service.adapters.store.paging import cursor_parts, narrowed, page_of, whole
from ml_service.adapters.store.supersession import told
from ml_service.adapters.store.transaction import Look
from ml_service.domain.learner import Adaptation
from ml_service.domain.outcomes import OutcomeWithMarks
from ml_service.domain.types import Decision
from ml_service.ports import Page, Period


class ExportsReading(Look):
    def decisions_in_order(self, user_id: str, period: Period, cursor: str | None, limit: int) -> Page[Decision]:
        c = t.decisions.c
        query = narrowed(select(t.decisions).where(c.user_id == user_id), c.symbol, c.evaluated_at_ms, period)
        if cursor is not None:
            at_ms, decision_id = cursor_parts(cursor, 2)
            query = query.where(tuple_(c.evaluated_at_ms, c.decision_id) > (whole(at_ms), decision_id))
        query = query.order_by(c.evaluated_at_ms, c.decision_id)
        return page_of(
            self._connection, query, limit, decision_as_found, lambda row: (row["evaluated_at_ms"], row["decision_id"])
        )

    def outcomes_in_order(self, user_id: str, period: Period, cursor: str | None, limit: int) -> Page[OutcomeWithMarks]:
        c = t.outcomes.c
        query = narrowed(select(t.outcomes).where(c.user_id == user_id), c.symbol, c.effective_at_ms, period)
        if cursor is not None:
            at_ms, number = cursor_parts(cursor, 2)
            query = query.where(tuple_(c.effective_at_ms, c.id) > (whole(at_ms), whole(number)))
        query = query.order_by(c.effective_at_ms, c.id)
        page = page_of(self._connection, query, limit, with_marks, lambda row: (row["effective_at_ms"], row["id"]))
        waiting = told(self._connection, [one.stored for one in page.items])
        items = tuple(replace(one, stored=stored) for one, stored in zip(page.items, waiting, strict=True))
        return Page(items, page.next_cursor)

    def adaptations_in_order(self, user_id: str, period: Period, cursor: str | None, limit: int) -> Page[Adaptation]:
        c = t.adaptations.c
        query = narrowed(select(t.adaptations).where(c.user_id == user_id), c.symbol, c.at_ms, period)
        if cursor is not None:
            at_ms, adaptation_id = cursor_parts(cursor, 2)
            query = query.where(tuple_(c.at_ms, c.id) > (whole(at_ms), adaptation_id))
        query = query.order_by(c.at_ms, c.id)
        return page_of(self._connection, query, limit, adaptation_from, lambda row: (row["at_ms"], row["id"]))

    def learned_last_ms(self, user_id: str) -> int | None:
        c = t.outcomes.c
        query = select(func.max(c.learned_at_ms), func.max(c.pooled_at_ms)).where(c.user_id == user_id)
        return max((at_ms for at_ms in self._connection.execute(query).one() if at_ms is not None), default=None)


def with_marks(row: Row) -> OutcomeWithMarks:
    return OutcomeWithMarks(outcome_from(row), row["learned_at_ms"], row["pooled_at_ms"], row["percent_per_r"])
