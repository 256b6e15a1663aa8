"""Decisions as they were recorded: one, a page of them, or all of a time span. The recorder writes them."""

from collections.abc import Iterator

from sqlalchemy import func, select, tuple_

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import Row, decision_from, row_hash
from ml_service.adapters.store.paging import ROWS_AT_ONCE, cursor_parts, narrowed, page_of, whole
from ml_service.adapters.store.transaction import Look
from ml_service.adapters.store.writer import find_decision_row
from ml_service.domain.types import Decision
from ml_service.ports import Page, Period

HOUR_MS = 3_600_000


class DecisionsReading(Look):
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
        return page_of(
            self._connection, query, limit, decision_as_found, lambda row: (row["evaluated_at_ms"], row["decision_id"])
        )

    def decisions_between(self, since_ms: int, until_ms: int) -> Iterator[tuple[Decision, bool]]:
        # Hour by hour: PostgreSQL's block-range index finds a time span, but cannot give an order. Where nothing was
        # decided, each look reaches twice as far as the one before.
        begin, reach = since_ms, HOUR_MS
        while begin < until_ms:
            end = min(begin + reach, until_ms)
            first = self._first_decided_ms(begin, end)
            if first is None:
                begin, reach = end, 2 * reach
            else:
                end = min(first + HOUR_MS, until_ms)
                yield from self._decisions_within(first, end)
                begin, reach = end, HOUR_MS

    def _first_decided_ms(self, since_ms: int, until_ms: int) -> int | None:
        c = t.decisions.c
        query = select(func.min(c.evaluated_at_ms)).where(c.evaluated_at_ms >= since_ms, c.evaluated_at_ms < until_ms)
        found: int | None = self._connection.execute(query).scalar()
        return found

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
