"""Counts over the tables, for those who ask how the service is doing."""

from collections.abc import Mapping

from sqlalchemy import func, select

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.transaction import Look


class CountsReading(Look):
    def counts(self, since_ms: int) -> Mapping[str, int]:
        d, o, e = t.decisions.c, t.outcomes.c, t.events.c
        counts = {"take": 0, "reject": 0, "abstain": 0}
        counts |= {
            row.decision: row.count
            for row in self._connection.execute(
                select(d.decision, func.count().label("count"))
                .where(d.evaluated_at_ms >= since_ms)
                .group_by(d.decision)
            )
        }
        counts["outcomes"] = self._count(select(func.count()).where(o.received_at_ms >= since_ms))
        counts["users_with_thresholds"] = self._count(select(func.count(t.threshold_heads.c.user_id.distinct())))
        counts["threshold_scopes"] = self._count(select(func.count()).select_from(t.threshold_heads))
        counts["events_waiting"] = self._count(
            select(func.count()).where(e.handled_at_ms.is_(None), e.set_aside.is_(False))
        )
        counts["events_set_aside"] = self._count(select(func.count()).where(e.set_aside.is_(True)))
        counts["journal_conflicts"] = self._count(select(func.count()).select_from(t.journal_conflicts))
        return counts
