"""Thresholds: every revision as it was written, and a head per scope that names the newest."""

from typing import Any

import orjson
from sqlalchemy import bindparam, insert, select, tuple_, update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import Row, canonical
from ml_service.adapters.store.paging import cursor_parts, page_of, whole
from ml_service.adapters.store.transaction import Look, Transaction
from ml_service.adapters.store.upserts import insert_or_skip
from ml_service.domain.types import Thresholds
from ml_service.ports import Page

NEWEST = (
    select(t.thresholds)
    .where(t.thresholds.c.user_id == bindparam("user_id"), t.thresholds.c.symbol == bindparam("symbol"))
    .order_by(t.thresholds.c.revision.desc())
    .limit(1)
)

INSERT_THRESHOLDS = insert(t.thresholds)
MOVE_HEAD = update(t.threshold_heads).where(
    t.threshold_heads.c.user_id == bindparam("of_user"),
    t.threshold_heads.c.symbol == bindparam("of_symbol"),
    t.threshold_heads.c.revision == bindparam("revision_before"),
)


class ThresholdsReading(Look):
    def thresholds_revision(self, user_id: str, symbol: str, revision: int) -> Thresholds | None:
        c = t.thresholds.c
        return self._first(
            select(t.thresholds).where(c.user_id == user_id, c.symbol == symbol, c.revision == revision),
            thresholds_from,
        )

    def thresholds_newest(self, user_id: str, symbol: str) -> Thresholds | None:
        row = self._connection.execute(NEWEST, {"user_id": user_id, "symbol": symbol}).mappings().first()
        return thresholds_from(row) if row is not None else None

    def thresholds_at(self, user_id: str, symbol: str, at_ms: int) -> Thresholds | None:
        c = t.thresholds.c
        return self._first(
            select(t.thresholds)
            .where(c.user_id == user_id, c.symbol == symbol, c.changed_at_ms <= at_ms)
            .order_by(c.revision.desc())
            .limit(1),
            thresholds_from,
        )

    def thresholds_history(self, user_id: str, symbol: str | None, cursor: str | None, limit: int) -> Page[Thresholds]:
        c = t.thresholds.c
        query = select(t.thresholds).where(c.user_id == user_id)
        if symbol is not None:
            query = query.where(c.symbol == symbol)
        if cursor is not None:
            at_ms, where, revision = cursor_parts(cursor, 3)
            query = query.where(tuple_(c.changed_at_ms, c.symbol, c.revision) < (whole(at_ms), where, whole(revision)))
        query = query.order_by(c.changed_at_ms.desc(), c.symbol.desc(), c.revision.desc())
        return page_of(
            self._connection,
            query,
            limit,
            thresholds_from,
            lambda row: (row["changed_at_ms"], row["symbol"], row["revision"]),
        )


class ThresholdsWriting(ThresholdsReading, Transaction):
    def thresholds_head(self, user_id: str, symbol: str) -> Thresholds | None:
        heads = t.threshold_heads
        # Locked until the commit, so that whoever writes the next revision has read the newest one.
        revision = self._connection.execute(
            select(heads.c.revision).where(heads.c.user_id == user_id, heads.c.symbol == symbol).with_for_update()
        ).scalar()
        return self.thresholds_revision(user_id, symbol, revision) if revision is not None else None

    def save_thresholds(self, thresholds: Thresholds) -> bool:
        if not self._move_head(thresholds):
            return False
        self._connection.execute(INSERT_THRESHOLDS, thresholds_row(thresholds))
        return True

    def _move_head(self, thresholds: Thresholds) -> bool:
        scope = {"user_id": thresholds.user_id, "symbol": thresholds.symbol}
        head = {"revision": thresholds.revision, "generation": self._generation()}
        if thresholds.revision == 1:
            done = self._connection.execute(insert_or_skip(self._connection, t.threshold_heads), {**scope, **head})
        else:
            condition = {
                "of_user": thresholds.user_id,
                "of_symbol": thresholds.symbol,
                "revision_before": thresholds.revision - 1,
            }
            done = self._connection.execute(MOVE_HEAD, {**head, **condition})
        return done.rowcount == 1


def thresholds_row(thresholds: Thresholds) -> dict[str, Any]:
    return {
        "user_id": thresholds.user_id,
        "symbol": thresholds.symbol,
        "revision": thresholds.revision,
        "limits": canonical(thresholds.values),
        "source": thresholds.source,
        "reason": thresholds.reason,
        "actor": thresholds.actor,
        "settings_hash": thresholds.settings_hash,
        "changed_at_ms": thresholds.changed_at_ms,
    }


def thresholds_from(row: Row) -> Thresholds:
    return Thresholds(
        user_id=row["user_id"],
        symbol=row["symbol"],
        revision=row["revision"],
        values=orjson.loads(row["limits"]),
        changed_at_ms=row["changed_at_ms"],
        source=row["source"],
        reason=row["reason"],
        actor=row["actor"],
        settings_hash=row["settings_hash"],
    )
