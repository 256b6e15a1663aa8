"""Jobs in small pieces, so that events, other tasks and a stop never wait long for one."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ml_service.domain.job import Job, Progress
from ml_service.errors import ServiceError, Unavailable
from ml_service.usecases.adapt import adapt_all
from ml_service.usecases.jobs import EXPLAIN
from ml_service.worker.explaining import explain
from ml_service.worker.parts import Parts
from ml_service.worker.training import train

logger = logging.getLogger(__name__)

SLICE_SECONDS = 0.25
TOLD_SECONDS = 0.5
"""Between two looks at whether it is to be cancelled, and two reports of its progress."""

Work = Callable[[Job, Parts], Iterator[Progress]]


def adapt_what_is_due(job: Job, parts: Parts) -> Iterator[Progress]:
    request = job.request
    return adapt_all(
        rules=parts.rules,
        actor=job.actor,
        now_ms=parts.now_ms,
        store=parts.store,
        entropy=parts.entropy,
        dry_run=bool(request.get("dry_run", False)),
        limit=request.get("limit"),
        unasked=bool(request.get("unasked", False)),
    )


def unknown(job: Job, parts: Parts) -> Iterator[Progress]:
    raise LookupError(f"no worker knows how to do {job.kind!r}")
    yield


WORK: Mapping[str, Work] = {"adapt_all": adapt_what_is_due, "train": train, EXPLAIN: explain}
"""One table: which kind of job is done how. All of them are safe to begin again after a kill."""


LONG = frozenset({"train"})
"""These take minutes: they have a runner of their own, so that nobody's thresholds wait for them."""
ASKED = frozenset({EXPLAIN})
"""These take seconds, and somebody looks at the screen meanwhile: they wait for neither."""


def any_kind(kind: str) -> bool:
    return True


def long_kind(kind: str) -> bool:
    return kind in LONG


def asked_kind(kind: str) -> bool:
    return kind in ASKED


def short_kind(kind: str) -> bool:
    return kind not in LONG | ASKED


class JobRunner:
    def __init__(self, takes: Callable[[str], bool] = any_kind) -> None:
        self._takes = takes
        self._job: Job | None = None
        self._pieces: Iterator[Progress] = iter(())
        self._progress = Progress(0, None)
        self._told = 0.0

    def work(self, parts: Parts) -> bool:
        """Do a slice of the job in hand, or take the next; whether there is more to do."""
        if self._job is None and not self._take(parts):
            return False
        assert self._job is not None
        try:
            self._advance(parts)
        except Unavailable:
            # The database is away: the job stays open and is begun again when it is back.
            self._job = None
            self.leave()
            raise
        except Exception as error:
            logger.exception("job %s (%s) failed", self._job.id, self._job.kind)
            # Expected trouble has a sentence for people; of a bug, the name of the exception says more.
            self._end(parts, "failed", error=str(error) if isinstance(error, ServiceError) else repr(error))
        return True

    def _take(self, parts: Parts) -> bool:
        with parts.store.read() as reading:
            found = [job for job in reading.open_jobs() if self._takes(job.kind)]
        if not found:
            return False
        job = found[0]
        self._job = replace(job, state="running", started_at_ms=job.started_at_ms or parts.now_ms())
        self._pieces = WORK.get(job.kind, unknown)(self._job, parts)
        self._progress = Progress(0, None)
        self._told = 0.0
        return True

    def _advance(self, parts: Parts) -> None:
        until = time.monotonic() + SLICE_SECONDS
        while time.monotonic() < until and not parts.stopping():
            if time.monotonic() - self._told >= TOLD_SECONDS and self._is_cancelled(parts):
                self._end(parts, "cancelled")
                return
            piece = next(self._pieces, None)
            if piece is None:
                self._end(parts, "done", result=self._progress.result)
                return
            self._progress = piece

    def _is_cancelled(self, parts: Parts) -> bool:
        self._told = time.monotonic()
        assert self._job is not None
        self._job = replace(self._job, done=self._progress.done, total=self._progress.total)
        with parts.store.begin() as tx:
            tx.update_job(self._job)
            known = tx.job(self._job.id)
        return known is None or known.cancel_asked

    def _end(
        self, parts: Parts, state: Any, *, result: Mapping[str, Any] | None = None, error: str | None = None
    ) -> None:
        assert self._job is not None
        ended = replace(
            self._job,
            state=state,
            done=self._progress.done,
            total=self._progress.total,
            result=result,
            error=error,
            ended_at_ms=parts.now_ms(),
        )
        # Whoever hears that it is done decides by what it has changed.
        parts.announce()
        with parts.store.begin() as tx:
            tx.update_job(ended)
        logger.info("job %s (%s) %s: %s", ended.id, ended.kind, state, result or error or "")
        self._job = None
        self.leave()

    def leave(self) -> None:
        """Let go of what the work in hand holds, such as a process; the job itself stays as it stands in the store."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
