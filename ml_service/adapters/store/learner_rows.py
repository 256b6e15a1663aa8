"""Learners, what waits to be learned from, and the adaptations with their explanations."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    func,
    not_,
    or_,
    select,
    tuple_,
    update,
)

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import Row, canonical, lesson_from
from ml_service.adapters.store.learner_codec import learned_bytes, learned_from
from ml_service.adapters.store.paging import cursor_parts, page_of, whole
from ml_service.adapters.store.transaction import Look, Transaction
from ml_service.adapters.store.upserts import insert_or_skip
from ml_service.domain.adaptation.cycle import Recent, Taught, Waiting
from ml_service.domain.adaptation.learned import Learned
from ml_service.domain.learner import Adaptation, Learner
from ml_service.domain.types import ANY_SYMBOL
from ml_service.ports import Page

WAITING_MAX = 10_000
RECENT = 100
BY_HAND = ("set", "reset", "restore")
"""Thresholds around which a learner begins anew."""
NEVER = 0
"""Stands for the time where an outcome had nothing to teach."""


TAUGHT = tuple(t.outcomes.c[name] for name in ("accepted", "pnl", "pnl_percent", "risk", "lesson"))
MARKS = (t.outcomes.c.learned_at_ms, t.outcomes.c.pooled_at_ms)


def mark(symbol: str) -> Any:
    """A user's learner for all symbols learns from the same outcomes once more, so it has a mark of its own."""
    learned, pooled = MARKS
    return pooled if symbol == ANY_SYMBOL else learned


def of_scope(column: Any) -> ColumnElement[bool]:
    o = t.outcomes.c
    own = o.user_id == bindparam("user_id")
    return own if column.name == "pooled_at_ms" else and_(own, o.symbol == bindparam("symbol"))


def not_learned(column: Any) -> tuple[ColumnElement[bool], ...]:
    o = t.outcomes.c
    apart = or_(o.quarantined.is_(None), o.released_at_ms.is_not(None))
    return of_scope(column), o.lesson.is_not(None), column.is_(None), apart


def waiting_query(column: Any) -> Select[Any]:
    o = t.outcomes.c
    return (
        select(o.id, o.effective_at_ms, o.trade_id, o.corrects, o.superseded_by, *TAUGHT)
        .where(*not_learned(column))
        .order_by(o.effective_at_ms, o.id)
        .limit(WAITING_MAX)
    )


def recent_query(column: Any, ahead: bool) -> Select[Any]:
    """The last ones. What claims to come from the future stands where it arrived: else it would be among them for
    years."""
    o = t.outcomes.c
    claimed = and_(o.quarantined == "from_the_future", o.released_at_ms.is_(None))
    moment = o.received_at_ms if ahead else o.effective_at_ms
    told = (o.pnl_percent, o.quarantined, o.released_at_ms, o.source, o.corrects, o.superseded_by)
    query = select(o.id, moment.label("moment"), *told)
    if ahead:
        oldest: Any = bindparam("oldest_ms")
        query = query.where(of_scope(column), claimed, o.effective_at_ms >= oldest, o.received_at_ms >= oldest)
    else:
        query = query.where(of_scope(column), or_(o.quarantined.is_(None), not_(claimed)))
    return query.order_by(moment.desc(), o.id.desc()).limit(RECENT)


OLD = t.outcomes.alias("old")
FORMER = [OLD.c[column.name] for column in (*TAUGHT, *MARKS, t.outcomes.c.trade_id, t.outcomes.c.percent_per_r)]


def former_query(column: Any) -> Select[Any]:
    new = t.outcomes
    return (
        select(new.c.trade_id.label("newest"), *FORMER)
        .join_from(new, OLD, and_(OLD.c.user_id == new.c.user_id, OLD.c.superseded_by == new.c.trade_id))
        .where(*not_learned(column))
    )


# Built once: thousands of scopes ask the same, and to build a question costs more than to answer it.
LEARNER = select(t.learners).where(
    t.learners.c.user_id == bindparam("user_id"), t.learners.c.symbol == bindparam("symbol")
)
WAITING = {column.name: waiting_query(column) for column in MARKS}
REPLACED = {column.name: former_query(column) for column in MARKS}
NEWEST = {column.name: recent_query(column, ahead=False) for column in MARKS}
AHEAD = {column.name: recent_query(column, ahead=True) for column in MARKS}
ANCHOR = (
    select(t.thresholds.c.limits)
    .where(
        t.thresholds.c.user_id == bindparam("user_id"),
        t.thresholds.c.symbol == bindparam("symbol"),
        t.thresholds.c.source.in_(BY_HAND),
    )
    .order_by(t.thresholds.c.revision.desc())
    .limit(1)
)
OF_THRESHOLDS = (
    t.thresholds.c.user_id == bindparam("user_id"),
    t.thresholds.c.symbol == bindparam("symbol"),
)
BEGUN_ANEW = select(func.max(t.thresholds.c.changed_at_ms)).where(*OF_THRESHOLDS, t.thresholds.c.source.in_(BY_HAND))
TAKEN_BACK = (
    select(t.adaptations.c.at_ms, t.thresholds.c.changed_at_ms)
    .join_from(
        t.adaptations,
        t.thresholds,
        and_(
            t.thresholds.c.user_id == t.adaptations.c.user_id,
            t.thresholds.c.symbol == t.adaptations.c.symbol,
            t.thresholds.c.revision == t.adaptations.c.undone_by,
        ),
    )
    .where(*OF_THRESHOLDS)
)
SAVE_LEARNER = update(t.learners).where(
    t.learners.c.user_id == bindparam("of_user"),
    t.learners.c.symbol == bindparam("of_symbol"),
    t.learners.c.revision == bindparam("revision_before"),
)


def taught(accepted: Any, pnl: float | None, percent: float | None, risk: float | None, stored: str) -> Taught:
    lesson = lesson_from(stored)
    assert lesson is not None
    return Taught(bool(accepted), pnl, percent, risk, lesson)


def is_apart(row: Any) -> bool:
    return row.quarantined is not None and row.released_at_ms is None


def was_put_right(row: Any) -> bool:
    """Of one in quarantine: somebody has looked at it and said what is true. A correction in quarantine has not put
    anything right itself: what stands in its place is what it meant to correct."""
    return row.superseded_by is not None and row.corrects is None


class LearnersReading(Look):
    def learner(self, user_id: str, symbol: str) -> Learner:
        row = self._connection.execute(LEARNER, {"user_id": user_id, "symbol": symbol}).mappings().first()
        return learner_from(row) if row is not None else Learner(user_id, symbol)

    def adapted_at(self) -> dict[tuple[str, str], int]:
        """When each learner was last asked."""
        c = t.learners.c
        rows = self._connection.execute(select(c.user_id, c.symbol, c.adapted_at_ms))
        return {(row.user_id, row.symbol): row.adapted_at_ms for row in rows}

    def scopes_waiting(self, received_before_ms: int | None = None) -> dict[tuple[str, str], int]:
        o = t.outcomes.c
        own = select(o.user_id, o.symbol, func.count().label("waiting")).group_by(o.user_id, o.symbol)
        pooled = select(o.user_id, func.count().label("waiting")).group_by(o.user_id)
        own = own.where(o.lesson.is_not(None), o.learned_at_ms.is_(None))
        pooled = pooled.where(o.lesson.is_not(None), o.pooled_at_ms.is_(None))
        if received_before_ms is not None:
            own = own.where(o.received_at_ms < received_before_ms)
            pooled = pooled.where(o.received_at_ms < received_before_ms)
        found = {(row.user_id, row.symbol): row.waiting for row in self._connection.execute(own)}
        return found | {(row.user_id, ANY_SYMBOL): row.waiting for row in self._connection.execute(pooled)}

    def waiting(self, user_id: str, symbol: str) -> list[Waiting]:
        scope = {"user_id": user_id, "symbol": symbol}
        rows = self._connection.execute(WAITING[mark(symbol).name], scope).all()
        former = self._former(user_id, symbol) if rows else {}
        found = []
        for id_, effective_at_ms, trade_id, corrects, superseded_by, *teaching in rows:
            # A correction that came first waits for its original.
            if corrects is None or trade_id in former:
                instead_of, percent = former.get(trade_id, (None, None))
                told = taught(*teaching)
                found.append(Waiting(id_, effective_at_ms, told, superseded_by is not None, instead_of, percent))
        return found

    def _former(self, user_id: str, symbol: str) -> dict[str, tuple[Taught | None, float | None]]:
        """By the trade that waits: what was learned from in its place; nothing where that never taught anything."""
        name = mark(symbol).name
        found: dict[str, tuple[Taught | None, float | None]] = {}
        rows = self._connection.execute(REPLACED[name], {"user_id": user_id, "symbol": symbol}).all()
        forgotten = self._forgotten(user_id, symbol) if rows else []
        while rows:
            further = {}
            for row in rows:
                learned_at = getattr(row, name)
                is_known = not any(begin <= (learned_at or NEVER) <= end for begin, end in forgotten)
                if learned_at is not None and is_known and row.lesson is not None:
                    told = taught(row.accepted, row.pnl, row.pnl_percent, row.risk, row.lesson)
                    found[row.newest] = (told, row.percent_per_r)
                else:
                    # It was replaced before it taught anything, or what it taught is forgotten; perhaps what it had
                    # replaced itself is known.
                    found.setdefault(row.newest, (None, None))
                    further[row.trade_id] = row.newest
            rows = self._replaced_by(user_id, further) if further else []
        return found

    def _forgotten(self, user_id: str, symbol: str) -> list[tuple[int, int]]:
        """From when until when outcomes were learned from that the learner knows nothing of any more."""
        scope = {"user_id": user_id, "symbol": symbol}
        begun_ms = self._connection.execute(BEGUN_ANEW, scope).scalar()
        undone = self._connection.execute(TAKEN_BACK, scope).all()
        return [(NEVER, begun_ms or NEVER), *((at_ms, undone_at_ms) for at_ms, undone_at_ms in undone)]

    def _replaced_by(self, user_id: str, further: Mapping[str, str]) -> Sequence[Any]:
        newest = case(dict(further), value=OLD.c.superseded_by)
        query = select(newest.label("newest"), *FORMER)
        return self._connection.execute(
            query.where(OLD.c.user_id == user_id, OLD.c.superseded_by.in_(list(further)))
        ).all()

    def recent(self, user_id: str, symbol: str) -> Recent:
        name, scope = mark(symbol).name, {"user_id": user_id, "symbol": symbol}
        rows = self._connection.execute(NEWEST[name], scope).all()
        oldest_ms = rows[-1].moment if len(rows) == RECENT else 0
        early = self._connection.execute(AHEAD[name], {**scope, "oldest_ms": oldest_ms}).all()
        last = sorted([*rows, *early], key=lambda row: (row.moment, row.id), reverse=True)[:RECENT]
        return Recent(
            percents=tuple(
                row.pnl_percent
                for row in last
                if row.pnl_percent is not None and row.superseded_by is None and not is_apart(row)
            ),
            quarantined=sum(row.source == "bot" and is_apart(row) and not was_put_right(row) for row in last),
        )

    def anchor(self, user_id: str, symbol: str) -> Mapping[str, float] | None:
        """The values that were last set by hand for the symbol, else for all symbols; None where none were."""
        for scope in dict.fromkeys((symbol, ANY_SYMBOL)):
            limits = self._connection.execute(ANCHOR, {"user_id": user_id, "symbol": scope}).scalar()
            if limits is not None:
                values: dict[str, float] = orjson.loads(limits)
                return values
        return None

    def adaptation(self, user_id: str, adaptation_id: str) -> Adaptation | None:
        c = t.adaptations.c
        return self._first(select(t.adaptations).where(c.user_id == user_id, c.id == adaptation_id), adaptation_from)

    def adaptation_before(self, user_id: str, symbol: str) -> Adaptation | None:
        """The latest of the scope that was not taken back."""
        c = t.adaptations.c
        return self._first(
            select(t.adaptations)
            .where(c.user_id == user_id, c.symbol == symbol, c.undone_by.is_(None))
            .order_by(c.revision.desc())
            .limit(1),
            adaptation_from,
        )

    def adaptations_of(self, user_id: str, scopes: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Adaptation]:
        """By symbol and revision, for a page of the history."""
        c = t.adaptations.c
        wanted = list(scopes)
        if not wanted:
            return {}
        rows = self._connection.execute(
            select(t.adaptations).where(c.user_id == user_id, tuple_(c.symbol, c.revision).in_(wanted))
        ).mappings()
        return {(row["symbol"], row["revision"]): adaptation_from(row) for row in rows}

    def adaptations(self, user_id: str, symbol: str | None, cursor: str | None, limit: int) -> Page[Adaptation]:
        c = t.adaptations.c
        query = select(t.adaptations).where(c.user_id == user_id)
        if symbol is not None:
            query = query.where(c.symbol == symbol)
        if cursor is not None:
            at_ms, adaptation_id = cursor_parts(cursor, 2)
            query = query.where(tuple_(c.at_ms, c.id) < (whole(at_ms), adaptation_id))
        query = query.order_by(c.at_ms.desc(), c.id.desc())
        return page_of(self._connection, query, limit, adaptation_from, lambda row: (row["at_ms"], row["id"]))

    def former_state(self, user_id: str, symbol: str, thresholds_revision: int) -> Learned | None:
        c = t.learner_states.c
        state = self._connection.execute(
            select(c.state).where(
                c.user_id == user_id, c.symbol == symbol, c.thresholds_revision == thresholds_revision
            )
        ).scalar()
        return learned_from(bytes(state)) if state is not None else None


class LearnersWriting(LearnersReading, Transaction):
    def learner(self, user_id: str, symbol: str) -> Learner:
        c = t.learners.c
        # Locked until the commit. Whoever changes a scope takes its learner before its thresholds, so that nobody
        # waits in a circle.
        query = select(t.learners).where(c.user_id == user_id, c.symbol == symbol).with_for_update()
        return self._first(query, learner_from) or Learner(user_id, symbol)

    def save_learner(self, learner: Learner) -> bool:
        """Write the revision if it is the next one; False when another was faster."""
        return self._write_learner(learner.revision, learner_row(learner))

    def _write_learner(self, revision: int, row: Row) -> bool:
        if revision == 1:
            return self._connection.execute(insert_or_skip(self._connection, t.learners), dict(row)).rowcount == 1
        condition = {"of_user": row["user_id"], "of_symbol": row["symbol"], "revision_before": revision - 1}
        return self._connection.execute(SAVE_LEARNER, {**row, **condition}).rowcount == 1

    def mark_undone(self, adaptation: Adaptation, revision: int) -> None:
        c = t.adaptations.c
        self._connection.execute(
            update(t.adaptations)
            .where(c.user_id == adaptation.user_id, c.id == adaptation.id)
            .values(undone_by=revision)
        )


def learner_row(learner: Learner) -> dict[str, Any]:
    return {
        "user_id": learner.user_id,
        "symbol": learner.symbol,
        "revision": learner.revision,
        "state": learned_bytes(learner.learned) if learner.learned is not None else None,
        "adapted_at_ms": learner.adapted_at_ms,
        "held_until_ms": learner.held_until_ms,
        "frozen": learner.frozen,
        "last": canonical(learner.last) if learner.last is not None else None,
    }


def learner_from(row: Row) -> Learner:
    return Learner(
        user_id=row["user_id"],
        symbol=row["symbol"],
        revision=row["revision"],
        learned=learned_from(bytes(row["state"])) if row["state"] is not None else None,
        adapted_at_ms=row["adapted_at_ms"],
        held_until_ms=row["held_until_ms"],
        frozen=row["frozen"],
        last=orjson.loads(row["last"]) if row["last"] is not None else None,
    )


def adaptation_row(adaptation: Adaptation) -> dict[str, Any]:
    return {
        "user_id": adaptation.user_id,
        "id": adaptation.id,
        "symbol": adaptation.symbol,
        "at_ms": adaptation.at_ms,
        "verdict": adaptation.verdict,
        "revision_before": adaptation.revision_before,
        "revision": adaptation.revision,
        "explanation": canonical(adaptation.explanation),
        "undone_by": adaptation.undone_by,
    }


def adaptation_from(row: Row) -> Adaptation:
    return Adaptation(
        user_id=row["user_id"],
        id=row["id"],
        symbol=row["symbol"],
        at_ms=row["at_ms"],
        verdict=row["verdict"],
        revision_before=row["revision_before"],
        revision=row["revision"],
        explanation=orjson.loads(row["explanation"]),
        undone_by=row["undone_by"],
    )
