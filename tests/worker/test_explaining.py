"""The job that explains: the command's document is its result, and it waits for no training."""

import sys

import pytest

from ml_service.errors import InvalidInput
from ml_service.usecases.jobs import EXPLAIN, newest_job, open_job
from ml_service.worker import explaining
from ml_service.worker.jobs import JobRunner, asked_kind, long_kind, short_kind
from tests.worker.conftest import Bench

TELLS = """
import json, sys
print(json.dumps({"asked": sys.argv[1:], "members": []}))
"""
FAILS = "import sys; print('not_found: no decision', file=sys.stderr); sys.exit(1)"
WANTED = {"user_id": "ada", "decision_id": "-d-1"}


def worked(bench: Bench, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(explaining, "COMMAND", (sys.executable, "-c", script))
    open_job(EXPLAIN, WANTED, actor="tester", now_ms=bench.now_ms, store=bench.store, entropy=bench.parts.entropy)
    others, runner = (JobRunner(long_kind), JobRunner(short_kind)), JobRunner(asked_kind)
    assert not any(one.work(bench.parts) for one in others)
    while runner.work(bench.parts):
        pass


def test_its_result_is_the_command_s_document(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    worked(bench, monkeypatch, TELLS)

    done = newest_job(EXPLAIN, WANTED, store=bench.store)
    assert done is not None
    assert (done.state, done.done, done.total) == ("done", 1, 1)
    assert done.result == {"asked": ["--user=ada", "--", "-d-1"], "members": []}
    assert newest_job(EXPLAIN, {**WANTED, "user_id": "bob"}, store=bench.store) is None


def test_what_the_command_complained_of_is_its_error(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    worked(bench, monkeypatch, FAILS)

    failed = newest_job(EXPLAIN, WANTED, store=bench.store)
    assert failed is not None
    assert failed.state == "failed"
    assert "not_found: no decision" in (failed.error or "")


def test_a_request_names_a_user_and_a_decision() -> None:
    with pytest.raises(InvalidInput, match="decision_id: expected a text, found None"):
        explaining.words({"user_id": "ada"})
