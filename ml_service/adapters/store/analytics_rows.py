"""What analytics counts: decisions by what was decided, adaptations by what came of them."""

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import func, select

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.transaction import Look
from ml_service.ports import DecisionCount, Move, MoveCount


class AnalyticsReading(Look):
    def decision_counts(self, user_id: str, since_ms: int) -> tuple[DecisionCount, ...]:
        c = t.decisions.c
        query = (
            select(c.symbol, c.decision, c.code, func.count().label("number"))
            .where(c.user_id == user_id, c.evaluated_at_ms >= since_ms)
            .group_by(c.symbol, c.decision, c.code)
            .order_by(c.symbol, c.decision, c.code)
        )
        return tuple(DecisionCount(*row) for row in self._connection.execute(query))

    def move_counts(self, user_id: str, since_ms: int) -> tuple[MoveCount, ...]:
        c = t.adaptations.c
        query = (
            select(c.symbol, c.verdict, func.count().label("number"))
            .where(c.user_id == user_id, c.at_ms >= since_ms)
            .group_by(c.symbol, c.verdict)
            .order_by(c.symbol, c.verdict)
        )
        return tuple(MoveCount(*row) for row in self._connection.execute(query))

    def moves(self, user_id: str, since_ms: int, limit: int) -> tuple[Move, ...]:
        c = t.adaptations.c
        query = (
            select(t.adaptations)
            .where(c.user_id == user_id, c.at_ms >= since_ms)
            .order_by(c.at_ms.desc(), c.id.desc())
            .limit(limit)
        )
        return tuple(move_from(row) for row in self._connection.execute(query).mappings())


def move_from(row: Mapping[Any, Any]) -> Move:
    return Move(
        id=row["id"],
        symbol=row["symbol"],
        at_ms=row["at_ms"],
        verdict=row["verdict"],
        revision_before=row["revision_before"],
        revision=row["revision"],
        explanation=orjson.loads(row["explanation"]),
        undone_by=row["undone_by"],
    )
