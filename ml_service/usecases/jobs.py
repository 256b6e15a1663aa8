"""Open a job, or find the one that does the same already; ask for its end."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ml_service.domain.ids import ENTROPY_BYTES, decision_id
from ml_service.domain.job import Job
from ml_service.errors import Conflict, NotFound
from ml_service.ports import Store

EXPLAIN = "explain"
"""Its request names a user, and its result tells of the user's decision."""
LOOKED_AT = 200


def open_job(
    kind: str,
    request: Mapping[str, Any],
    *,
    actor: str,
    now_ms: int,
    store: Store,
    entropy: Callable[[int], bytes],
) -> tuple[Job, bool]:
    """The job, and whether it is a new one: what was asked already is not done twice."""
    with store.begin() as tx:
        tx.lock_jobs()
        for job in tx.open_jobs(kind):
            if job.request == request and not job.cancel_asked:
                return job, False
        job = Job(
            id=decision_id(now_ms, entropy(ENTROPY_BYTES)),
            kind=kind,
            request=request,
            actor=actor,
            created_at_ms=now_ms,
        )
        tx.save_job(job)
        return job, True


def newest_job(kind: str, request: Mapping[str, Any], *, store: Store) -> Job | None:
    """The newest that did or does just that; None where there is none among the last two hundred of its kind."""
    with store.read() as reading:
        page = reading.jobs(kind, None, None, LOOKED_AT)
    return next((job for job in page.items if job.request == request), None)


def cancel_job(job_id: str, *, actor: str, now_ms: int, store: Store) -> Job:
    """A running job ends at its next pause; what it had done until then stays done."""
    with store.begin() as tx:
        tx.lock_jobs()
        job = tx.job(job_id)
        if job is None:
            raise NotFound(f"no job {job_id!r}")
        if job.state == "cancelled" or job.cancel_asked:
            return job
        if job.has_ended:
            raise Conflict(f"this job has ended already: {job.state}", "job_ended")
        tx.append_audit(now_ms, actor, "job.cancel", job_id, {"kind": job.kind})
        tx.ask_to_cancel(job_id)
        if job.state == "waiting":
            job = replace(job, state="cancelled", ended_at_ms=now_ms)
            tx.update_job(job)
        return replace(job, cancel_asked=True)
