"""The job that trains: followed from outside, ended with its cancel, and named when it fails."""

import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from ml_service.domain.job import Job
from ml_service.errors import InvalidInput
from ml_service.usecases.jobs import cancel_job, open_job
from ml_service.worker import jobs, training
from ml_service.worker.jobs import JobRunner, long_kind, short_kind
from tests.worker.conftest import Bench

TELLS = """
import json, sys
print(json.dumps({"done": 400, "total": 1000, "model": "xgboost"}), flush=True)
print(json.dumps({"set_id": "s-1", "verdict": sys.argv[1], "rows": 5}), flush=True)
"""
FAILS = "import sys; print('untrainable: expected more than 1,000 examples, found 3', file=sys.stderr); sys.exit(1)"
LASTS = """
import json, os, pathlib, sys, time
pathlib.Path(sys.argv[2].removeprefix("--venue=")).write_text(str(os.getpid()))
print(json.dumps({"done": 10, "total": 1000, "model": "lstm"}), flush=True)
time.sleep(60)
"""


def instead(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(training, "COMMAND", (sys.executable, "-c", script))


def opened(bench: Bench, **request: Any) -> Job:
    job, _ = open_job(
        "train", request, actor="tester", now_ms=bench.now_ms, store=bench.store, entropy=bench.parts.entropy
    )
    return job


def now(bench: Bench, job: Job) -> Job:
    with bench.store.read() as reading:
        found = reading.job(job.id)
    assert found is not None
    return found


def worked(runner: JobRunner, bench: Bench, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while runner.work(bench.parts):
        assert time.monotonic() < until


def test_its_progress_and_result_are_those_of_the_command(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(monkeypatch, TELLS)
    job = opened(bench, symbol="BTCUSDT")

    worked(JobRunner(), bench)

    done = now(bench, job)
    assert (done.state, done.done, done.total) == ("done", 1000, 1000)
    assert done.result == {"set_id": "s-1", "verdict": "--symbol=BTCUSDT"}


def test_what_the_command_complained_of_is_the_error_of_the_job(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(monkeypatch, FAILS)
    job = opened(bench, symbol="BTCUSDT")

    worked(JobRunner(), bench)

    failed = now(bench, job)
    assert failed.state == "failed"
    assert failed.error == "untrainable: expected more than 1,000 examples, found 3"


def test_a_wrong_option_is_named_by_the_job_and_not_only_framed(bench: Bench) -> None:
    job = opened(bench, symbol="BTCUSDT", label="a label that nobody knows")

    worked(JobRunner(), bench)

    failed = now(bench, job)
    assert failed.state == "failed"
    assert "Invalid value for '--label'" in (failed.error or "")
    assert "'triple_barrier'" in (failed.error or "")


def test_a_cancel_ends_the_process_and_no_slice_lasts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    instead(monkeypatch, LASTS)
    monkeypatch.setattr(jobs, "TOLD_SECONDS", 0.05)
    place = tmp_path / "pid"
    job = opened(bench, symbol="BTCUSDT", venue=str(place))
    runner, longest = JobRunner(), 0.0
    until = time.monotonic() + 20.0
    while now(bench, job).done != 10:
        begun = time.monotonic()
        runner.work(bench.parts)
        longest = max(longest, time.monotonic() - begun)
        assert time.monotonic() < until

    cancel_job(job.id, actor="tester", now_ms=bench.now_ms, store=bench.store)
    worked(runner, bench)

    assert now(bench, job).state == "cancelled"
    assert not psutil.pid_exists(int(place.read_text()))
    assert longest < 2.0


def test_a_long_training_keeps_no_adaptation_waiting(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    instead(monkeypatch, LASTS)
    place = tmp_path / "pid"
    training_job = opened(bench, symbol="BTCUSDT", venue=str(place))
    short, long = JobRunner(short_kind), JobRunner(long_kind)
    while not (place.exists() and place.read_text()):
        long.work(bench.parts)
    adapting, _ = open_job(
        "adapt_all", {}, actor="tester", now_ms=bench.now_ms, store=bench.store, entropy=bench.parts.entropy
    )

    worked(short, bench)
    long.leave()

    assert now(bench, adapting).state == "done"
    assert now(bench, training_job).state in ("waiting", "running")
    assert not psutil.pid_exists(int(place.read_text()))


def test_a_request_becomes_options_and_an_unknown_one_is_refused() -> None:
    assert training.words({"symbol": "BTCUSDT", "models": ["xgboost", "lstm"], "days": 90, "venue": None}) == [
        "--symbol=BTCUSDT",
        "--models=xgboost,lstm",
        "--days=90",
    ]
    with pytest.raises(InvalidInput, match="html: expected one of symbol, models"):
        training.words({"symbol": "BTCUSDT", "html": "/etc/passwd"})
    with pytest.raises(InvalidInput, match="symbol: expected a symbol"):
        training.words({})
