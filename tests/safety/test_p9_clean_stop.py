"""P9: SIGTERM and Ctrl-C lose nothing."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest

from tests.load import Answer, Report, http_request, run_load
from tests.safety.callers import query, store_of, until
from tests.service import SIGNAL, STOP_SECONDS, Service

CONNECTIONS = 12
DRAIN_MS = 600
STOP_SECONDS_MAX = 30.0
ANSWERED_MIN = 50
UNRECORDED = b'"unrecorded"'

EVALUATE = http_request("/api/v1/evaluate/ada", {"signal": SIGNAL})

ROUNDS = [
    pytest.param(server, end, rounds, id=f"{server}-{end}-{rounds}", marks=pytest.mark.long if rounds == 20 else ())
    for server in ("granian", "gunicorn")
    for end, rounds in (("SIGTERM", 2), ("SIGINT", 1), ("SIGTERM", 20), ("SIGINT", 20))
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("server", "end", "rounds"), ROUNDS)
def test_a_stop_under_load_cuts_nobody_off_and_keeps_what_it_acknowledged(
    tmp_path: Path, server: str, end: str, rounds: int
) -> None:
    for number in range(rounds):
        stop_under_load(prepared(tmp_path / str(number), ML_SERVICE_SERVER=server), end)


def test_two_web_workers_on_postgres_stop_as_cleanly(tmp_path: Path, postgres_url: str) -> None:
    stop_under_load(prepared(tmp_path, DATABASE_URL=postgres_url, WORKERS="2"), "SIGTERM")


def test_a_stop_waits_for_the_request_that_is_under_way(tmp_path: Path) -> None:
    """Also for one whose body comes in two pieces, the second after the signal."""
    body = orjson.dumps({"signal": SIGNAL})
    with prepared(tmp_path) as service, httpx.Client(base_url=service.url, timeout=10) as client:
        half_sent, stopped = threading.Event(), threading.Event()

        def pieces() -> Iterator[bytes]:
            yield body[:10]
            half_sent.set()
            stopped.wait(5.0)
            time.sleep(DRAIN_MS / 1000 + 0.3)
            yield body[10:]

        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        status: list[int] = []
        asking = threading.Thread(
            target=lambda: status.append(
                client.post("/api/v1/evaluate/ada", content=pieces(), headers=headers).status_code
            )
        )
        asking.start()
        half_sent.wait(5.0)
        assert service.process is not None
        service.process.send_signal(signal.SIGTERM)
        stopped.set()
        asking.join()

        assert status == [200]
        assert service.process.wait(STOP_SECONDS) == 0


def prepared(folder: Path, **environment: str) -> Service:
    return Service(
        folder, "run", None, **{"ML_SERVICE__SERVER__DRAIN_MS": str(DRAIN_MS), "WORKERS": "2", **environment}
    )


def stop_under_load(service: Service, end: str) -> None:
    with service, Callers(service) as callers:
        until(lambda: callers.answered > ANSWERED_MIN and bool(callers.ready), 20.0, "answering under load")
        began = time.monotonic()
        status = end_with(service, end)
        took = time.monotonic() - began
        callers.stop()

        assert status == 0, service.output()
        assert took <= STOP_SECONDS_MAX
        assert not [one for one in callers.processes if one.is_running()]
        assert callers.report.cut == []
        assert callers.report.unanswered == []
        assert set(callers.report.statuses) == {200}
        assert callers.report.answered > ANSWERED_MIN
        assert callers.ready[0] == 200
        assert callers.ready[-1] == 503
        stored = kept(service)
        assert not callers.acknowledged - stored
        assert callers.report.turned_away == []


def end_with(service: Service, end: str) -> int:
    assert service.process is not None
    if end == "SIGINT":
        # Ctrl-C reaches the whole foreground process group.
        os.killpg(service.process.pid, signal.SIGINT)
    else:
        service.process.send_signal(signal.SIGTERM)
    return service.process.wait(STOP_SECONDS)


def kept(service: Service) -> set[str]:
    """Ids of decisions and outcomes that the database or the journal holds."""
    journal = f"sqlite:///{service.folder / 'data' / 'journal.db'}"
    rows = [
        *query(store_of(service), "SELECT decision_id FROM decisions"),
        *query(store_of(service), "SELECT trade_id FROM outcomes"),
        *query(journal, "SELECT record_id FROM entries"),
    ]
    return {row[0] for row in rows}


class Callers:
    """Bots that ask and report as fast as they can, and a health check that asks whether it is ready."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call), threading.Thread(target=self._watch)]
        self.report = Report()
        self.ready: list[int] = []
        self.acknowledged: set[str] = set()
        self.answered = 0

    def __enter__(self) -> "Callers":
        self.processes = self._service.processes()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        self.report = run_load(
            self._service.port,
            ask_or_report,
            connections=CONNECTIONS,
            seconds=60.0,
            classify=self._remember,
            stop=self._stop,
        )

    def _remember(self, answer: Answer) -> str:
        self.answered += 1
        # A decision that says it is not recorded promises nothing.
        if answer.status == 200 and UNRECORDED not in answer.body:
            data = orjson.loads(answer.body)["data"]
            self.acknowledged.add(data.get("trade_id") or data["decision_id"])
        return str(answer.status)

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            try:
                self.ready.append(self._service.ask_anew("GET", "/readyz", timeout=5.0).status_code)
            except httpx.HTTPError:
                return


def ask_or_report(number: int) -> bytes:
    if number % 2:
        return EVALUATE
    return http_request("/api/v1/outcomes/ada", {"trade_id": f"t{number}", "symbol": "BTCUSDT", "pnl": 1.0})
