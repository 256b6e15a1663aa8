"""Jobs: opened by whoever asks, worked on by the leading worker."""

import orjson
from sqlalchemy import insert, select, tuple_, update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import Row, canonical
from ml_service.adapters.store.paging import cursor_parts, page_of, whole
from ml_service.adapters.store.transaction import Look, Transaction
from ml_service.domain.job import Job
from ml_service.ports import Page


class JobsReading(Look):
    def job(self, job_id: str) -> Job | None:
        return self._first(select(t.jobs).where(t.jobs.c.id == job_id), job_from)

    def jobs(self, kind: str | None, state: str | None, cursor: str | None, limit: int) -> Page[Job]:
        c = t.jobs.c
        query = select(t.jobs)
        if kind is not None:
            query = query.where(c.kind == kind)
        if state is not None:
            query = query.where(c.state == state)
        if cursor is not None:
            at_ms, job_id = cursor_parts(cursor, 2)
            query = query.where(tuple_(c.created_at_ms, c.id) < (whole(at_ms), job_id))
        query = query.order_by(c.created_at_ms.desc(), c.id.desc())
        return page_of(self._connection, query, limit, job_from, lambda row: (row["created_at_ms"], row["id"]))

    def open_jobs(self, kind: str | None = None) -> list[Job]:
        """What waits or runs, oldest first; a job that runs although nobody works on it was cut off by a kill."""
        c = t.jobs.c
        query = select(t.jobs).where(c.state.in_(("waiting", "running"))).order_by(c.created_at_ms, c.id)
        if kind is not None:
            query = query.where(c.kind == kind)
        return [job_from(row) for row in self._connection.execute(query).mappings()]


class JobsWriting(JobsReading, Transaction):
    def save_job(self, job: Job) -> None:
        self._connection.execute(insert(t.jobs).values(**job_row(job)))

    def lock_jobs(self) -> None:
        """Nobody else opens a job before this transaction has ended."""
        self._generation()

    def update_job(self, job: Job) -> None:
        """What the worker knows of it; whether somebody wants it cancelled is not its to say."""
        row = job_row(job)
        for name in ("id", "cancel_asked"):
            del row[name]
        self._connection.execute(update(t.jobs).where(t.jobs.c.id == job.id).values(**row))

    def ask_to_cancel(self, job_id: str) -> None:
        self._connection.execute(update(t.jobs).where(t.jobs.c.id == job_id).values(cancel_asked=True))


def job_row(job: Job) -> dict[str, object]:
    return {
        "id": job.id,
        "kind": job.kind,
        "request": canonical(job.request),
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "result": canonical(job.result) if job.result is not None else None,
        "error": job.error,
        "actor": job.actor,
        "created_at_ms": job.created_at_ms,
        "started_at_ms": job.started_at_ms,
        "ended_at_ms": job.ended_at_ms,
        "cancel_asked": job.cancel_asked,
    }


def job_from(row: Row) -> Job:
    return Job(
        id=row["id"],
        kind=row["kind"],
        request=orjson.loads(row["request"]),
        state=row["state"],
        done=row["done"],
        total=row["total"],
        result=orjson.loads(row["result"]) if row["result"] is not None else None,
        error=row["error"],
        actor=row["actor"],
        created_at_ms=row["created_at_ms"],
        started_at_ms=row["started_at_ms"],
        ended_at_ms=row["ended_at_ms"],
        cancel_asked=bool(row["cancel_asked"]),
    )
