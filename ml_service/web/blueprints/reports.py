"""Numbers about the service as a whole."""

from flask import Blueprint, Response, request

from ml_service.web.call import current
from ml_service.web.contracts import contract
from ml_service.web.parts import parts
from ml_service.web.schemas.checking import checked
from ml_service.web.schemas.reports import StatsQuery
from ml_service.web.wire import iso, ok

reports = Blueprint("reports", __name__)

HOUR_MS = 3_600_000


@reports.get("/api/v1/stats")
@contract("service", query=StatsQuery, answer="Counts over the window, and what waits.")
def get_stats() -> Response:
    """Decisions, outcomes and what is waiting, over the last hours."""
    query = checked(StatsQuery, request.args.to_dict())
    since_ms = current().now_ms - int(query.hours_back * HOUR_MS)
    use = parts()
    with use.store.read() as reading:
        counts = dict(reading.counts(since_ms))
    decided = {name: counts.pop(name) for name in ("take", "reject", "abstain")}
    return ok(
        {
            "since": iso(since_ms),
            "until": iso(current().now_ms),
            "decisions": {**decided, "total": sum(decided.values())},
            "outcomes": counts.pop("outcomes"),
            **counts,
            "snapshot": {
                "generation": use.snapshot.view().generation,
                "age_ms": use.snapshot.age_ms(),
                "stale": use.snapshot.is_stale(),
            },
        }
    )
