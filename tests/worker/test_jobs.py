"""Jobs in slices: progress, an end, a cancel, and a new beginning after a kill."""

from typing import Any

import pytest

from ml_service.domain.job import Job
from ml_service.errors import Conflict, NotFound
from ml_service.usecases.jobs import cancel_job, open_job
from ml_service.worker import jobs
from ml_service.worker.jobs import JobRunner
from tests.builders import NOW_MS
from tests.usecases.trading import evening, trade
from tests.worker.conftest import Bench


@pytest.fixture
def busy(bench: Bench) -> Bench:
    """Two symbols of one user have something to learn from."""
    for symbol in ("BTCUSDT", "ETHUSDT"):
        trade(bench.database, range(20), symbol=symbol)
    bench.now_ms = evening(20)
    return bench


def opened(bench: Bench, **request: Any) -> tuple[Job, bool]:
    return open_job(
        "adapt_all", request, actor="tester", now_ms=bench.now_ms, store=bench.store, entropy=bench.parts.entropy
    )


def found(bench: Bench, job: Job) -> Job:
    with bench.store.read() as reading:
        job_now = reading.job(job.id)
    assert job_now is not None
    return job_now


def finish(runner: JobRunner, bench: Bench) -> None:
    for _ in range(200):
        if not runner.work(bench.parts):
            return
    raise AssertionError("the job never ended")


def test_a_job_runs_to_its_result(busy: Bench) -> None:
    job, new = opened(busy)

    finish(JobRunner(), busy)

    done = found(busy, job)
    assert new
    assert (done.state, done.done, done.total) == ("done", 3, 3)
    assert done.result is not None
    assert done.result["scopes"] == 3
    assert sum(done.result["verdicts"].values()) == 3


def test_what_a_job_changed_is_announced_before_it_is_told_to_be_done(busy: Bench) -> None:
    opened(busy)

    finish(JobRunner(), busy)

    assert busy.announced == [1]
    assert busy.open_jobs() == 0


def test_what_was_asked_already_is_not_done_twice(busy: Bench) -> None:
    first, _ = opened(busy)
    again, new = opened(busy)
    other, other_new = opened(busy, dry_run=True)

    assert (again.id, new) == (first.id, False)
    assert other_new
    assert other.id != first.id


def test_a_job_that_was_cut_off_is_begun_again(busy: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job, _ = opened(busy)
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 0.0)
    killed = JobRunner()
    killed.work(busy.parts)
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 0.25)

    finish(JobRunner(), busy)

    assert found(busy, job).state == "done"


def test_a_running_job_ends_when_it_is_cancelled(busy: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job, _ = opened(busy)
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 1e-9)
    monkeypatch.setattr(jobs, "TOLD_SECONDS", 0.0)
    runner = JobRunner()
    runner.work(busy.parts)
    asked = cancel_job(job.id, actor="tester", now_ms=NOW_MS, store=busy.store)
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 0.25)

    finish(runner, busy)

    assert asked.cancel_asked
    assert found(busy, job).state == "cancelled"


def test_a_waiting_job_is_cancelled_at_once_and_only_once(busy: Bench) -> None:
    job, _ = opened(busy)

    first = cancel_job(job.id, actor="tester", now_ms=NOW_MS, store=busy.store)
    again = cancel_job(job.id, actor="tester", now_ms=NOW_MS, store=busy.store)

    assert first.state == again.state == "cancelled"
    assert not JobRunner().work(busy.parts)


def test_a_job_that_has_ended_cannot_be_cancelled(busy: Bench) -> None:
    job, _ = opened(busy)
    finish(JobRunner(), busy)

    with pytest.raises(Conflict, match="ended already"):
        cancel_job(job.id, actor="tester", now_ms=NOW_MS, store=busy.store)
    with pytest.raises(NotFound):
        cancel_job("no such job", actor="tester", now_ms=NOW_MS, store=busy.store)


def test_a_job_that_fails_says_why_and_the_next_one_runs(busy: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def trouble(job: Job, parts: object) -> Any:
        raise RuntimeError("a bug")
        yield

    monkeypatch.setattr(jobs, "WORK", {**jobs.WORK, "trouble": trouble})
    bad, _ = open_job("trouble", {}, actor="tester", now_ms=NOW_MS, store=busy.store, entropy=busy.parts.entropy)
    strange, _ = open_job("strange", {}, actor="tester", now_ms=NOW_MS, store=busy.store, entropy=busy.parts.entropy)
    job, _ = opened(busy)

    finish(JobRunner(), busy)

    assert (found(busy, bad).state, found(busy, bad).error) == ("failed", "RuntimeError('a bug')")
    assert found(busy, strange).state == "failed"
    assert found(busy, job).state == "done"
