"""Old rows go, in small batches, so that nobody who writes waits long."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, func, select, tuple_

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.outcome_days import note_changed
from ml_service.adapters.store.partitions import ensure_partitions
from ml_service.adapters.store.settlement_rows import awaited

NAMES_AT_ONCE = 1_000


class SqlRetention:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._users: list[str] | None = None
        """Who is still to be looked at in this round of thinning."""

    def newest_ms(self) -> int | None:
        """When the newest decision was made."""
        with self._database.read() as connection:
            return connection.execute(select(func.max(t.decisions.c.evaluated_at_ms))).scalar()

    def thin_decisions(self, before_ms: int, horizon_ms: int, rows: int) -> int:
        """Keep one decision per user, symbol, side and horizon: the first take, else the first. What an outcome
        belongs to or settlement waits with stays as well. Answers how many were looked at: 0 once the round is done."""
        if self._users is None:
            self._users = self._all_users()
        while self._users:
            looked_at = self._thin_next(self._users[-1], before_ms, horizon_ms, rows)
            if looked_at:
                return looked_at
            self._users.pop()
        self._users = None
        return 0

    def drop_decisions(self, before_ms: int, rows: int) -> int:
        d = t.decisions.c
        with self._database.read() as connection:
            gone = [
                (row.user_id, row.evaluated_at_ms, row.decision_id)
                for row in connection.execute(
                    select(d.user_id, d.evaluated_at_ms, d.decision_id)
                    .where(d.evaluated_at_ms < before_ms)
                    .order_by(d.evaluated_at_ms)
                    .limit(rows)
                )
            ]
        if gone:
            self._forget(gone)
        return len(gone)

    def drop_outcomes(self, before_ms: int, rows: int) -> int:
        """Their keys stay, so that a repeat is still known."""
        o = t.outcomes.c
        with self._database.read() as connection:
            old = connection.execute(
                select(o.id, o.user_id, o.effective_at_ms)
                .where(o.effective_at_ms < before_ms)
                .order_by(o.id)
                .limit(rows)
            ).all()
        if old:
            with self._database.write() as connection:
                connection.execute(delete(t.outcomes).where(o.id.in_([row.id for row in old])))
                for row in old:
                    note_changed(connection, row.user_id, row.effective_at_ms)
        return len(old)

    def drop_events(self, before_ms: int, rows: int) -> int:
        return self._drop(t.events, t.events.c.id, t.events.c.handled_at_ms < before_ms, rows)

    def drop_idempotency(self, before_ms: int, rows: int) -> int:
        c = t.idempotency.c
        with self._database.read() as connection:
            old = connection.execute(select(c.caller, c.key).where(c.created_at_ms < before_ms).limit(rows)).all()
        if old:
            with self._database.write() as connection:
                connection.execute(
                    delete(t.idempotency).where(tuple_(c.caller, c.key).in_([tuple(row) for row in old]))
                )
        return len(old)

    def drop_jobs(self, before_ms: int, rows: int) -> int:
        return self._drop(t.jobs, t.jobs.c.id, t.jobs.c.ended_at_ms < before_ms, rows)

    def drop_shadow_results(self, before_ms: int, rows: int) -> int:
        c = t.shadow_test_results.c
        key = (c.model_id, c.user_id, c.decision_id)
        with self._database.read() as connection:
            old = connection.execute(select(*key).where(c.decided_at_ms < before_ms).limit(rows)).all()
        if old:
            with self._database.write() as connection:
                names = [tuple(row) for row in old]
                connection.execute(delete(t.shadow_test_results).where(tuple_(*key).in_(names)))
        return len(old)

    def tidy(self, now_ms: int) -> None:
        """What the database wants from time to time: new partitions, or a checkpoint of the write-ahead log."""
        if self._database.is_sqlite:
            with self._database.engine.connect() as connection:
                raw = connection.connection.dbapi_connection
                assert raw is not None
                raw.execute("PRAGMA wal_checkpoint(PASSIVE)")
            return
        with self._database.write() as connection:
            ensure_partitions(connection, now_ms)

    # ---- helpers

    def _thin_next(self, user_id: str, before_ms: int, horizon_ms: int, rows: int) -> int:
        """The oldest horizon of a user that has not been thinned yet, if it is old enough."""
        d, o, c = t.decisions.c, t.outcomes.c, t.cursors.c
        with self._database.read() as connection:
            mark = connection.execute(select(c.value).where(c.name == f"thinned:{user_id}")).scalar()
            oldest = connection.execute(
                select(func.min(d.evaluated_at_ms)).where(d.user_id == user_id, d.evaluated_at_ms >= int(mark or 0))
            ).scalar()
            if oldest is None or oldest // horizon_ms * horizon_ms + horizon_ms > before_ms:
                return 0
            begin = oldest // horizon_ms * horizon_ms
            found = connection.execute(
                select(d.evaluated_at_ms, d.decision_id, d.symbol, d.action, d.decision)
                .where(d.user_id == user_id, d.evaluated_at_ms >= begin, d.evaluated_at_ms < begin + horizon_ms)
                .order_by(d.evaluated_at_ms, d.decision_id)
            ).all()
            spoken_for: set[str | None] = {*awaited(connection, user_id)}
            for start in range(0, len(found), NAMES_AT_ONCE):
                names = [row.decision_id for row in found[start : start + NAMES_AT_ONCE]]
                spoken_for |= set(
                    connection.execute(
                        select(o.matched_decision_id).where(o.user_id == user_id, o.matched_decision_id.in_(names))
                    ).scalars()
                )
        chosen: dict[tuple[str, str | None], tuple[bool, str]] = {}
        for row in found:
            taken, scope = row.decision == "take", (row.symbol, row.action)
            if scope not in chosen or (taken and not chosen[scope][0]):
                chosen[scope] = (taken, row.decision_id)
        kept = spoken_for | {decision_id for _, decision_id in chosen.values()}
        gone = [(user_id, row.evaluated_at_ms, row.decision_id) for row in found if row.decision_id not in kept]
        for start in range(0, len(gone), rows):
            self._forget(gone[start : start + rows])
        self._mark_thinned(user_id, begin + horizon_ms)
        return len(found)

    def _all_users(self) -> list[str]:
        d = t.decisions.c
        users: list[str] = []
        with self._database.read() as connection:
            # One step per user along the primary key, however many rows each has.
            user_id = connection.execute(select(func.min(d.user_id))).scalar()
            while user_id is not None:
                users.append(user_id)
                user_id = connection.execute(select(func.min(d.user_id)).where(d.user_id > user_id)).scalar()
        return users

    def _mark_thinned(self, user_id: str, until_ms: int) -> None:
        name = f"thinned:{user_id}"
        with self._database.write() as connection:
            connection.execute(delete(t.cursors).where(t.cursors.c.name == name))
            connection.execute(t.cursors.insert().values(name=name, value=str(until_ms)))

    def _forget(self, gone: Sequence[tuple[str, int, str]]) -> None:
        d, k = t.decisions.c, t.decision_keys.c
        with self._database.write() as connection:
            connection.execute(delete(t.decisions).where(tuple_(d.user_id, d.evaluated_at_ms, d.decision_id).in_(gone)))
            connection.execute(
                delete(t.decision_keys).where(
                    tuple_(k.user_id, k.decision_id).in_([(user_id, name) for user_id, _, name in gone])
                )
            )

    def _drop(self, table: Table, key: ColumnElement[Any], old: ColumnElement[bool], rows: int) -> int:
        # Found first, without anybody waiting for it; then taken away by name.
        with self._database.read() as connection:
            names = connection.execute(select(key).where(old).order_by(key).limit(rows)).scalars().all()
        if names:
            with self._database.write() as connection:
                connection.execute(delete(table).where(key.in_(names)))
        return len(names)
