"""Outcomes as performance reads them: which days there are, with their stamps, and the rows of a span of time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, func, select, tuple_

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import lesson_from
from ml_service.adapters.store.paging import narrowed
from ml_service.adapters.store.transaction import Look
from ml_service.domain.lessons import Lesson
from ml_service.domain.market.regimes import ALIASES
from ml_service.domain.outcomes import in_r
from ml_service.domain.performance.tally import Counted
from ml_service.domain.performance.trade import ClosedTrade, trade_of
from ml_service.ports import Period

ROWS_AT_ONCE = 2_000

OUTCOME = t.outcomes.c
READ: tuple[Any, ...] = (
    OUTCOME.effective_at_ms,
    OUTCOME.id,
    OUTCOME.symbol,
    OUTCOME.accepted,
    OUTCOME.superseded_by,
    OUTCOME.quarantined,
    OUTCOME.released_at_ms,
    OUTCOME.pnl,
    OUTCOME.pnl_percent,
    OUTCOME.risk,
    OUTCOME.percent_per_r,
    OUTCOME.opened_at_ms,
    OUTCOME.closed_at_ms,
    OUTCOME.entry_price,
    OUTCOME.quantity,
    OUTCOME.lesson,
)
"""In the order in which `counted_from` takes them."""


class TalliesReading(Look):
    def outcome_stamps(self, user_id: str, since_day: int | None) -> Mapping[int, int]:
        c = t.outcome_days.c
        query = select(c.day, c.stamp).where(c.user_id == user_id).order_by(c.day)
        if since_day is not None:
            query = query.where(c.day >= since_day)
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def counted(self, user_id: str, since_ms: int, until_ms: int) -> Iterator[Counted]:
        c = t.outcomes.c
        last = (since_ms, -1)
        while True:
            rows = self._connection.execute(
                select(*READ)
                .where(c.user_id == user_id, c.effective_at_ms >= last[0], c.effective_at_ms < until_ms)
                .where(tuple_(c.effective_at_ms, c.id) > last)
                .order_by(c.effective_at_ms, c.id)
                .limit(ROWS_AT_ONCE)
            ).all()
            yield from map(counted_from, rows)
            if len(rows) < ROWS_AT_ONCE:
                return
            last = (rows[-1].effective_at_ms, rows[-1].id)

    def latest_trades(self, user_id: str, period: Period, limit: int) -> Sequence[ClosedTrade]:
        c = t.outcomes.c
        query: Select[Any] = select(*READ).where(c.user_id == user_id, c.accepted.is_(True), c.superseded_by.is_(None))
        query = narrowed(query, c.symbol, c.effective_at_ms, period)
        query = query.order_by(c.effective_at_ms.desc(), c.id.desc()).limit(limit)
        rows = self._connection.execute(query).all()
        return [counted_from(row).trade for row in reversed(rows)]

    def users_with_outcomes(self) -> Iterator[str]:
        c = t.outcome_days.c
        # One step per user along the primary key, however many days each has.
        user_id = self._connection.execute(select(func.min(c.user_id))).scalar()
        while user_id is not None:
            yield user_id
            user_id = self._connection.execute(select(func.min(c.user_id)).where(c.user_id > user_id)).scalar()


def regime_of(lesson: Lesson) -> str | None:
    """By the one name that it has, where a model called it by another."""
    return ALIASES.get(lesson.regime, lesson.regime) if lesson.regime is not None else None


def counted_from(row: Any) -> Counted:
    # By its place, and no more columns than are read here: thousands of rows are told for one question.
    (
        at_ms,
        _,
        symbol,
        accepted,
        superseded_by,
        quarantined,
        released_at_ms,
        pnl,
        pnl_percent,
        risk,
        percent_per_r,
        opened_at_ms,
        closed_at_ms,
        entry_price,
        quantity,
        text,
    ) = row
    lesson = lesson_from(text)
    trade = trade_of(
        at_ms,
        symbol,
        quarantined is None or released_at_ms is not None,
        pnl=pnl,
        pnl_percent=pnl_percent,
        r=in_r(pnl, pnl_percent, risk, lesson, percent_per_r),
        opened_at_ms=opened_at_ms,
        closed_at_ms=closed_at_ms,
        entry_price=entry_price,
        quantity=quantity,
        revision=lesson.thresholds_revision if lesson is not None else None,
        thresholds_symbol=lesson.thresholds_symbol if lesson is not None else None,
        regime=regime_of(lesson) if lesson is not None else None,
    )
    was_taken = lesson is not None and lesson.taken and not accepted
    return Counted(trade, bool(accepted), was_taken, superseded_by is not None)
