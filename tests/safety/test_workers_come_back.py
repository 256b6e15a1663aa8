"""P9: dead server processes come back by themselves, and none is left behind."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.safety.callers import until
from tests.servers import alive
from tests.service import Service

BACK_SECONDS = 5.0
GONE_SECONDS = 2.0


@pytest.fixture(params=["granian", "gunicorn"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path, ML_SERVICE_SERVER=request.param) as running:
        yield running


def test_a_killed_web_process_is_replaced_within_seconds_twice_in_a_row(served: Service) -> None:
    served.evaluate()

    for _ in range(2):
        killed = web_processes(served)[-1]
        killed.kill()

        assert seconds_until_it_decides(served) <= BACK_SECONDS
        assert web_processes(served)[-1].pid != killed.pid


def test_a_killed_web_server_is_replaced_with_all_its_processes(served: Service) -> None:
    family = web_processes(served)

    family[0].kill()

    assert seconds_until_it_decides(served) <= BACK_SECONDS
    assert not [one for one in family if alive(one)]


def test_a_killed_supervisor_leaves_no_process_behind(served: Service) -> None:
    family = served.processes()
    assert len(family) >= 4
    assert served.process is not None

    os.kill(served.process.pid, signal.SIGKILL)
    served.process.wait(GONE_SECONDS)

    until(lambda: not [one for one in family if alive(one)], GONE_SECONDS, "gone")
    served.start()
    assert served.evaluate()["should_trade"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_learner_killed_or_frozen_changes_no_answer(service: Service, number: signal.Signals) -> None:
    told = ("should_trade", "decision", "code", "thresholds", "degraded", "reasons")
    before = [service.evaluate(rsi=rsi) for rsi in (40, 60, 80)]
    (learner,) = service.processes("worker")

    learner.send_signal(number)

    after = [service.evaluate(rsi=rsi) for rsi in (40, 60, 80)]
    assert [{name: one[name] for name in told} for one in after] == [
        {name: one[name] for name in told} for one in before
    ]
    if number == signal.SIGKILL:
        until(lambda: [one.pid for one in service.processes("worker")] not in ([], [learner.pid]), 10.0, "back")
    else:
        learner.send_signal(signal.SIGCONT)


def web_processes(service: Service) -> list[psutil.Process]:
    """The web server first, the process that answers last; gunicorn shows another command line."""
    (server,) = service.processes("web")[:1] or service.processes("gunicorn")[:1]
    return [server, *server.children(recursive=True)]


def seconds_until_it_decides(service: Service) -> float:
    """From now on, by callers that connect anew each time, as after a failure."""
    began = time.monotonic()
    with httpx.Client(base_url=service.url, timeout=2.0, headers={"Connection": "close"}) as client:
        while time.monotonic() - began < 2 * BACK_SECONDS:
            try:
                answer = client.post("/api/v1/evaluate/ada", json={"signal": {"action": "BUY", "confidence": 0.9}})
            except httpx.HTTPError:
                time.sleep(0.05)
                continue
            assert answer.status_code == 200
            assert answer.json()["data"]["decision"] == "take"
            return time.monotonic() - began
    raise AssertionError(f"no decision after {2 * BACK_SECONDS} s:\n{service.output()}")
