"""Jobs, as they are listed and told."""

from typing import Annotated, Any, Literal

from pydantic import Field

from ml_service.domain.job import Job
from ml_service.domain.keys import Principal
from ml_service.usecases.jobs import EXPLAIN
from ml_service.web.schemas.fields import PageQuery
from ml_service.web.wire import iso


class JobsQuery(PageQuery):
    kind: Annotated[str, Field(max_length=80, pattern=r"^[a-z_]+$")] | None = None
    state: Literal["waiting", "running", "done", "failed", "cancelled"] | None = None


def job_data(job: Job, caller: Principal | None) -> dict[str, Any]:
    """A service for some users is not told the names of others, nor what the models said to them."""
    wanted, result = dict(job.request), job.result
    if caller is None or (caller.scope != "admin" and caller.users is not None):
        if job.kind == EXPLAIN:
            wanted, result = {}, None
        elif result is not None:
            result = {name: value for name, value in result.items() if name != "failed"}
    return {
        "job_id": job.id,
        "kind": job.kind,
        "request": wanted,
        "state": job.state,
        "progress": {"done": job.done, "total": job.total},
        "cancel_asked": job.cancel_asked,
        "result": result,
        "error": job.error,
        "asked_by": job.actor,
        "created_at": iso(job.created_at_ms),
        "started_at": iso(job.started_at_ms) if job.started_at_ms is not None else None,
        "ended_at": iso(job.ended_at_ms) if job.ended_at_ms is not None else None,
    }
