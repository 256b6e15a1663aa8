"""P8: overload is shed, not suffered."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest

from tests.load import Answer, Report, by_decision, http_request, run_load
from tests.ports import HOST
from tests.service import SIGNAL, Service

EVALUATE = http_request("/api/v1/evaluate/ada", {"signal": SIGNAL})
LIVEZ = http_request("/livez")
SATURATING = 16
"""More connections than there are decision slots add waiting, not throughput; the peak is looked for up to here."""
SLOW_CALLERS = 100


@pytest.mark.parametrize("server", ["granian", "gunicorn"])
def test_three_times_the_saturating_load_leaves_most_of_the_decisions_and_a_live_service(
    tmp_path: Path, server: str
) -> None:
    with Service(tmp_path, ML_SERVICE_SERVER=server, WORKERS="2") as service:
        drive(service, 8, 1.0)
        before = peak_of(service)

        with livez_watched(service) as waits:
            overload = drive(service, 3 * SATURATING, 4.0)

        assert set(overload.statuses) == {200}
        assert set(overload.labels) <= {"judged", "overloaded"}
        assert not overload.cut
        assert not overload.unanswered
        assert not overload.turned_away
        assert overload.percentile_ms("judged", 99) <= 250
        assert len(waits) >= 10
        assert max(waits) < 1.0
        assert seconds_until_normal(service) <= 5.0
        # Of a machine that became slower meanwhile, no more is asked than it gives now.
        assert overload.rate("judged") >= 0.7 * min(before, peak_of(service))


def peak_of(service: Service) -> float:
    return max(drive(service, connections, 1.5).rate("judged") for connections in (8, SATURATING))


@pytest.mark.long
@pytest.mark.parametrize("connections", [96, 200])
def test_a_much_larger_crowd_costs_no_more(tmp_path: Path, connections: int) -> None:
    with Service(tmp_path, WORKERS="2") as service:
        drive(service, 8, 1.0)
        peak = drive(service, SATURATING, 4.0).rate("judged")

        with livez_watched(service) as waits:
            overload = drive(service, connections, 15.0)

        assert set(overload.statuses) == {200}
        assert overload.rate("judged") >= 0.7 * peak
        assert overload.percentile_ms("judged", 99) <= 250
        assert max(waits) < 1.0
        assert seconds_until_normal(service) <= 5.0


def test_what_is_shed_is_an_abstention_on_evaluate_and_a_503_with_retry_after_elsewhere(tmp_path: Path) -> None:
    def shed_or_served(answer: Answer) -> str:
        body = orjson.loads(answer.body)
        if answer.status == 503:
            assert b"retry-after: " in answer.head.lower()
            assert body["code"] == "overloaded"
            assert body["retryable"]
            return "shed"
        assert answer.status == 200, answer.body
        if body["data"].get("code") == "overloaded":
            assert body["data"]["decision"] == "abstain"
            assert body["data"]["should_trade"] is False
            return "abstained"
        return "served"

    small = {"DECISION_SLOTS": "1", "DECISION_WAITING": "0", "STORE_SLOTS": "1", "OUTCOME_WAITING": "0"}
    listing = http_request("/api/v1/decisions/ada?limit=200")
    paths = {"evaluate": EVALUATE, "short": http_request("/evaluate", {"user_id": "ada", **SIGNAL}), "list": listing}

    def outcome(number: int) -> bytes:
        return http_request("/api/v1/outcomes/ada", {"trade_id": f"t{number}", "symbol": "BTCUSDT", "pnl": 1.0})

    with Service(
        tmp_path, "run", None, **{f"ML_SERVICE__SERVER__{name}": value for name, value in small.items()}
    ) as service:
        drive(service, 2, 1.0)

        found = {
            name: run_load(service.port, request, connections=24, seconds=1.5, classify=shed_or_served)
            for name, request in paths.items()
        }
        found["outcomes"] = run_load(service.port, outcome, connections=24, seconds=1.5, classify=shed_or_served)

    for name in ("evaluate", "short"):
        assert set(found[name].labels) == {"served", "abstained"}, name
    for name in ("list", "outcomes"):
        assert set(found[name].labels) == {"served", "shed"}, name


@pytest.mark.parametrize("part", ["headers", "body"])
def test_callers_who_send_slowly_do_not_stop_the_others(service: Service, part: str) -> None:
    with slow_callers(service, part, SLOW_CALLERS):
        alive = run_load(service.port, LIVEZ, connections=2, seconds=1.5)
        decided = run_load(service.port, EVALUATE, connections=4, seconds=1.5, classify=by_decision)

    assert set(alive.labels) == {"200"}
    assert alive.percentile_ms("200", 100) < 1000
    assert set(decided.labels) == {"judged"}
    assert decided.percentile_ms("judged", 99) <= 250


def drive(service: Service, connections: int, seconds: float) -> Report:
    return run_load(service.port, EVALUATE, connections=connections, seconds=seconds, classify=by_decision)


def seconds_until_normal(service: Service) -> float:
    """Until a lone caller is served as quickly as before."""
    began = time.monotonic()
    while time.monotonic() - began < 10.0:
        calm = run_load(service.port, EVALUATE, connections=1, seconds=0.3, classify=by_decision)
        if set(calm.labels) == {"judged"} and calm.percentile_ms("judged", 90) < 25:
            break
    return time.monotonic() - began - 0.3


@contextlib.contextmanager
def livez_watched(service: Service) -> Iterator[list[float]]:
    """How long `/livez` took each time, asked on new connections as a health check does."""
    waits: list[float] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            began = time.monotonic()
            try:
                alive = service.ask_anew("GET", "/livez", timeout=5.0).status_code == 200
            except httpx.HTTPError:
                alive = False
            waits.append(time.monotonic() - began if alive else float("inf"))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield waits
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def slow_callers(service: Service, part: str, number: int) -> Iterator[None]:
    """Connections that send one byte in a while, of a request's headers or of its body."""
    line = b"POST /api/v1/evaluate/slow HTTP/1.1\r\nHost: slow\r\nContent-Type: application/json\r\n"
    begin = line if part == "headers" else line + b"Content-Length: 200\r\n\r\n{"
    stop = threading.Event()
    with contextlib.ExitStack() as opened:
        callers = [opened.enter_context(socket.create_connection((HOST, service.port), 5.0)) for _ in range(number)]
        for caller in callers:
            caller.sendall(begin)

        def trickle() -> None:
            while not stop.wait(0.5):
                for caller in callers:
                    with contextlib.suppress(OSError):
                        caller.sendall(b"x" if part == "headers" else b" ")

        thread = threading.Thread(target=trickle)
        thread.start()
        time.sleep(0.3)
        try:
            yield
        finally:
            stop.set()
            thread.join()
