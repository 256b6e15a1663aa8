"""What settlement reads: decisions of the gate as episodes see them, and which of them an outcome is known of."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, exists, func, or_, select, tuple_

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import Row, outcome_from
from ml_service.adapters.store.paging import page_of
from ml_service.adapters.store.supersession import supersede
from ml_service.adapters.store.transaction import Look, Transaction
from ml_service.adapters.store.writer import find_decision_row
from ml_service.domain.market.episodes import HORIZON_MINUTES_MAX, MINUTE_MS, Episode, Judged, horizon_of
from ml_service.domain.outcomes import DAY_MS, StoredOutcome
from ml_service.domain.types import ANY_SYMBOL
from ml_service.ports import Page

REFUSED = ("limit_missed", "parameter_missing")
"""Codes of what the gate itself refused; the kill switch and a HOLD say nothing about a signal."""

HORIZON_MS_MAX = round(HORIZON_MINUTES_MAX * MINUTE_MS)

d, o = t.decisions.c, t.outcomes.c

SEEN = (d.evaluated_at_ms, d.decision_id, d.symbol, d.action, d.decision, d.input)


class SettlementReading(Look):
    def users_deciding(self, after: str | None, limit: int) -> Sequence[str]:
        users: list[str] = []
        while len(users) < limit:
            # One step per user along the primary key, however many rows each has.
            query = select(func.min(d.user_id))
            user_id = self._connection.execute(query if after is None else query.where(d.user_id > after)).scalar()
            if user_id is None:
                break
            users.append(user_id)
            after = user_id
        return users

    def judged(self, user_id: str, after: tuple[int, str], until_ms: int, limit: int) -> Page[Judged]:
        query = select(*SEEN).where(
            d.user_id == user_id,
            d.evaluated_at_ms >= after[0],
            d.evaluated_at_ms < until_ms,
            tuple_(d.evaluated_at_ms, d.decision_id) > after,
            d.symbol != ANY_SYMBOL,
            d.action.in_(("BUY", "SELL")),
            or_(d.decision == "take", d.code.in_(REFUSED)),
        )
        query = query.order_by(d.evaluated_at_ms, d.decision_id)
        return page_of(
            self._connection, query, limit, judged_from, lambda row: (row["evaluated_at_ms"], row["decision_id"])
        )

    def is_told(self, user_id: str, episode: Episode) -> bool:
        outcome = exists().where(o.user_id == d.user_id, o.matched_decision_id == d.decision_id)
        query = select(d.decision_id).where(
            d.user_id == user_id,
            d.evaluated_at_ms >= episode.began_at_ms,
            d.evaluated_at_ms < episode.until_ms,
            d.symbol == episode.symbol,
            d.action == episode.side,
            outcome,
        )
        return self._connection.execute(query.limit(1)).first() is not None

    def settled_for(self, user_id: str, decision_id: str, horizon_minutes: float) -> StoredOutcome | None:
        decided = find_decision_row(self._connection, user_id, decision_id)
        if decided is None:
            return None
        judged = judged_from(decided)
        # A bot that names horizons may name another each time, and the episode is as long as the first of its decisions
        # said. Where none is named, months of outcomes are not worth walking through for every report.
        at_ms, names = judged.at_ms, judged.horizon_minutes is not None
        horizon_ms = HORIZON_MS_MAX if names else horizon_of(judged, horizon_minutes)
        query = (
            select(t.outcomes)
            .where(
                o.user_id == user_id,
                o.symbol == decided["symbol"],
                # Closed after the episode began, and soon after the horizon of its last take.
                o.effective_at_ms >= at_ms - horizon_ms,
                o.effective_at_ms <= at_ms + 2 * horizon_ms + DAY_MS,
                o.source == "settlement",
                o.side == decided["action"],
                o.superseded_by.is_(None),
            )
            .order_by(o.id)
        )
        rows = self._connection.execute(query).mappings()
        return next((outcome_from(row) for row in rows if covers(row, at_ms)), None)


def awaited(connection: Connection, user_id: str) -> set[str]:
    """The decisions that speak for episodes without a result yet."""
    name = t.cursors.c.name == f"settle_signals:{user_id}"
    kept = connection.execute(select(t.cursors.c.value).where(name)).scalar()
    return {Episode(*fields).decision_id for fields in orjson.loads(kept)["episodes"]} if kept else set()


class SettlementWriting(SettlementReading, Transaction):
    def save_stand_in(self, stored: StoredOutcome, trade_id: str) -> None:
        supersede(self._connection, stored, trade_id)


def judged_from(row: Row) -> Judged:
    reduce_only, horizon = told_of(row["input"])
    return Judged(
        at_ms=row["evaluated_at_ms"],
        decision_id=row["decision_id"],
        symbol=row["symbol"],
        side=row["action"],
        taken=row["decision"] == "take",
        reduce_only=reduce_only,
        horizon_minutes=horizon,
    )


def told_of(given: str) -> tuple[bool, float | None]:
    """A bot leaves two thousand rows a day, and hardly one of them says either; the rest is not decoded."""
    if '"reduce_only"' not in given and '"horizon_minutes"' not in given:
        return False, None
    try:
        document = orjson.loads(given)
        horizon = document.get("details", {}).get("horizon_minutes")
    except (ValueError, AttributeError):
        # Damaged by hand.
        return False, None
    return bool(document.get("reduce_only")), horizon if is_horizon(horizon) else None


def is_horizon(value: Any) -> bool:
    return isinstance(value, int | float) and value > 0.0


def covers(row: Row, at_ms: int) -> bool:
    began_at_ms, until_ms = orjson.loads(row["details"])["episode"]
    return bool(began_at_ms <= at_ms < until_ms)
