"""Long work: listed, followed, cancelled."""

from flask import Blueprint, Response, request

from ml_service.errors import NotFound
from ml_service.usecases.jobs import cancel_job
from ml_service.web.call import current
from ml_service.web.contracts import contract
from ml_service.web.parts import parts
from ml_service.web.schemas.checking import checked
from ml_service.web.schemas.jobs import JobsQuery, job_data
from ml_service.web.wire import ok

jobs = Blueprint("jobs", __name__)


@jobs.get("/api/v1/jobs")
@contract("service", query=JobsQuery, answer="Jobs, newest first, with the cursor of the next page.")
def list_jobs() -> Response:
    """All jobs, newest first."""
    query = checked(JobsQuery, request.args.to_dict())
    with parts().store.read() as reading:
        page = reading.jobs(query.kind, query.state, query.cursor, query.limit)
    return ok({"items": [job_data(job, current().caller) for job in page.items], "next_cursor": page.next_cursor})


@jobs.get("/api/v1/jobs/<job_id>")
@contract("service", answer="The job with its progress, and its result once it has ended.")
def get_job(job_id: str) -> Response:
    """One job."""
    with parts().store.read() as reading:
        job = reading.job(job_id)
    if job is None:
        raise NotFound(f"no job {job_id!r}")
    if job.ended_at_ms is not None:
        # Who hears that it is done decides by what it has changed.
        parts().snapshot.catch_up()
    return ok(job_data(job, current().caller))


@jobs.post("/api/v1/jobs/<job_id>/cancel")
@contract("service", answer="The job; one that runs ends at its next pause, and what it has done stays done.")
def post_cancel(job_id: str) -> Response:
    """Ask a job to end."""
    job = cancel_job(job_id, actor=current().actor, now_ms=current().now_ms, store=parts().store)
    return ok(job_data(job, current().caller))
