"""What the report of a model reads: its predictions whose result is known, and how often it had nothing to say."""

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import BigInteger, ColumnElement, cast, func, literal, or_, select

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.tally_rows import TalliesReading
from ml_service.domain.models.report.resolved import Resolved
from ml_service.domain.models.slots import EVERY, Place
from ml_service.domain.types import MemberFigure

o, d, k = t.outcomes.c, t.decisions.c, t.decision_keys.c

READ: tuple[Any, ...] = (
    d.user_id,
    d.symbol,
    d.action,
    d.evaluated_at_ms,
    o.effective_at_ms,
    d.model_id,
    d.regime,
    d.probability,
    d.result,
    o.pnl,
    o.pnl_percent,
    o.accepted,
    d.decision_id,
)

STATUS = '"model_status":"'
HEX = "0123456789abcdef"
TIME_DIGITS = (*range(1, 9), *range(10, 14))
"""Where they stand in an id of ours, counted from 1."""


class ResolvedReading(TalliesReading):
    def resolved(self, set_ids: Sequence[str], since_ms: int, until_ms: int, limit: int) -> list[Resolved]:
        found: list[Resolved] = []
        dialect = self._connection.dialect.name
        for user_id in list(self.users_with_outcomes()):
            # Along the outcomes of one user, by time: no index leads from a set to its decisions, and their table is
            # the largest there is.
            query = (
                select(*READ)
                # An id that a caller chose has a key with its time; one of ours says its time itself.
                .outerjoin(t.decision_keys, (k.user_id == o.user_id) & (k.decision_id == o.matched_decision_id))
                .join(
                    t.decisions,
                    (d.user_id == o.user_id)
                    & (d.evaluated_at_ms == func.coalesce(k.evaluated_at_ms, made_at(o.matched_decision_id, dialect)))
                    & (d.decision_id == o.matched_decision_id),
                )
                .where(
                    o.user_id == user_id,
                    o.effective_at_ms >= since_ms,
                    o.effective_at_ms < until_ms,
                    o.superseded_by.is_(None),
                    or_(o.quarantined.is_(None), o.released_at_ms.is_not(None)),
                    or_(o.pnl.is_not(None), o.pnl_percent.is_not(None)),
                    d.model_id.in_(set_ids),
                    d.action.in_(("BUY", "SELL")),
                )
                .order_by(o.effective_at_ms.desc(), o.id.desc())
                .limit(limit)
            )
            of_user: dict[str, Any] = {}
            for row in self._connection.execute(query).all():
                # Of several outcomes of one decision the newest, which comes first.
                of_user.setdefault(row[-1], row)
            read = [one for row in of_user.values() if (one := resolved_from(*row)) is not None]
            found = heapq.nlargest(limit, [*found, *read], key=lambda one: one.known_at_ms)
        return found

    def model_statuses(self, set_id: str, place: Place, since_ms: int, until_ms: int, limit: int) -> Mapping[str, int]:
        query = select(d.model_id, d.result).where(
            d.evaluated_at_ms >= since_ms,
            d.evaluated_at_ms < until_ms,
            d.action.in_(("BUY", "SELL")),
            or_(d.model_id.is_(None), d.model_id == set_id),
        )
        if place.symbol != EVERY:
            query = query.where(d.symbol == place.symbol)
        if place.regime != EVERY:
            query = query.where(d.regime == place.regime)
        query = query.order_by(d.evaluated_at_ms.desc()).limit(limit)
        return Counter(status_in(*row) for row in self._connection.execute(query).all())


def made_at(decision_id: ColumnElement[Any], dialect: str) -> ColumnElement[int]:
    """`made_at_ms` for the database; of an id that is not one of ours, any number."""
    place_of = func.strpos if dialect == "postgresql" else func.instr
    digits = (cast(place_of(HEX, func.substr(decision_id, at, 1)), BigInteger) - 1 for at in TIME_DIGITS)
    return sum((digit * 16**power for power, digit in zip(range(11, -1, -1), digits, strict=True)), literal(0))


def resolved_from(
    user_id: str,
    symbol: str,
    action: Any,
    at_ms: int,
    known_at_ms: int,
    set_id: str,
    regime: str | None,
    probability: float,
    result: str,
    pnl: float | None,
    percent: float | None,
    accepted: bool,
    _decision_id: str,
) -> Resolved | None:
    """None for a row that was damaged by hand."""
    try:
        told = orjson.loads(result).get("model", {}).get("members", ())
        members = tuple([MemberFigure(*member) for member in told])
    except (ValueError, TypeError, AttributeError):
        return None
    made = pnl if pnl is not None else percent
    assert made is not None
    return Resolved(
        user_id=user_id,
        symbol=symbol,
        side=action,
        at_ms=at_ms,
        known_at_ms=known_at_ms,
        set_id=set_id,
        regime=regime,
        probability=probability,
        members=members,
        paid=made > 0.0,
        percent=percent,
        taken=bool(accepted),
    )


def status_in(model_id: str | None, result: str) -> str:
    """As the codec writes it, but without decoding thousands of documents for one word of each."""
    _, found, rest = result.partition(STATUS)
    if found:
        return rest.partition('"')[0]
    return "ok" if model_id is not None else "none"
