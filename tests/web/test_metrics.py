"""Metrics: added up over all web processes, kept when one dies, without a word about users."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.service import SIGNAL, Service

SOON = 20.0
REQUESTS = 40


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("metrics"), WORKERS="2") as running:
        yield running


def sample(service: Service, name: str, **labels: str) -> float:
    """The sum of all samples of that name with these labels, as any one process tells it."""
    text = service.ask_anew("GET", "/metrics", timeout=10).text
    return sum(
        one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name == name and labels.items() <= one.labels.items()
    )


def until(service: Service, expected: float, name: str, **labels: str) -> None:
    deadline = time.monotonic() + SOON
    while (found := sample(service, name, **labels)) != expected:
        assert time.monotonic() < deadline, f"{name}: expected {expected}, found {found}"
        assert found < expected, f"{name}: expected {expected}, found {found}"
        time.sleep(0.1)


def ask(service: Service, times: int) -> None:
    """Each over a connection of its own, so that both processes get some."""
    for number in range(times):
        rsi = 55 if number % 4 else 95
        answer = service.ask_anew("POST", "/api/v1/evaluate/secretive-ada", json={**SIGNAL, "rsi": rsi}, timeout=10)
        assert answer.status_code == 200


def test_counts_are_those_of_all_processes_together(two_workers: Service) -> None:
    ask(two_workers, REQUESTS)

    until(two_workers, REQUESTS, "ml_requests_total", route="/api/v1/evaluate/<user_id>", status="200")
    until(two_workers, REQUESTS * 3 / 4, "ml_decisions_total", decision="take")
    until(two_workers, REQUESTS / 4, "ml_decisions_total", decision="reject", code="limit_missed")
    until(two_workers, REQUESTS, "ml_evaluate_duration_seconds_count")
    # However often and whomever one asks, the answer is the same.
    told = {sample(two_workers, "ml_decisions_total") for _ in range(6)}
    assert told == {REQUESTS}


def test_no_user_is_named(two_workers: Service) -> None:
    ask(two_workers, 1)

    text = two_workers.ask_anew("GET", "/metrics", timeout=10).text

    assert "ml_decisions_total" in text
    assert "secretive-ada" not in text


def test_made_up_methods_and_paths_make_no_series_of_their_own(two_workers: Service) -> None:
    for number in range(3):
        two_workers.ask_anew(f"MADEUP{number}", f"/made/up/{number}", timeout=10)

    deadline = time.monotonic() + SOON
    while sample(two_workers, "ml_requests_total", route="unknown") < 3:
        assert time.monotonic() < deadline
        time.sleep(0.1)

    text = two_workers.ask_anew("GET", "/metrics", timeout=10).text
    assert "MADEUP" not in text
    assert "/made/up" not in text


def test_what_a_process_counted_outlives_it(tmp_path: Path) -> None:
    with Service(tmp_path, WORKERS="2") as service:
        ask(service, 20)
        until(service, 20, "ml_decisions_total")

        os.kill(service.web_worker().pid, 9)
        service.await_answer()
        time.sleep(0.5)
        ask(service, 5)

        until(service, 25, "ml_decisions_total")
