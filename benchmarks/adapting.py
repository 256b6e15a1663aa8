"""How long it takes to let thresholds learn, through the service and its store.

    python -m benchmarks.adapting            a thousand users of ten symbols
    python -m benchmarks.adapting 100 10     a hundred, for a first look

First one scope with a thousand new outcomes, over HTTP, the commit included. Then everything is due at once, while
signals are evaluated at a steady hundred a second.
"""

import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import insert

from benchmarks.measuring import EVALUATE, spread, table
from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import outcome_row
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.schema import upgrade
from ml_service.domain.lessons import Lesson
from ml_service.domain.outcomes import DAY_MS, Outcome, StoredOutcome
from tests.load import percentile, run_load
from tests.service import Service

ONE_SCOPE = 1000
ROUNDS = 100
DAYS = 42
EACH = 60
"""Outcomes of each of the many scopes when it begins to learn, …"""
DAILY = 5
"""… and on every day from then on."""
RATE = 100.0
WARM_SECONDS = 3.0
BEFORE_SECONDS = 20.0
SLOW_MS = 10.0
HEADERS = {"X-Admin-Key": "boss"}
ENVIRONMENT: dict[str, Any] = {
    "ADAPTATION_FREQUENCY_HOURS": "1",
    "ML_SERVICE__ADAPTATION__AUTOMATIC": "false",
    "ML_SERVICE_ADMIN_KEY": "boss",
    "ML_SERVICE_TRUSTED_NETWORK": "127.0.0.0/8",
    "WORKERS": "2",
}


def main(users: int, symbols: int) -> None:
    rows = [one_scope(), *all_at_once(users, symbols)]
    print(table(["figure", "measured", "target"], rows))


def one_scope() -> list[str]:
    with tempfile.TemporaryDirectory(prefix="ml-service-bench-") as folder:
        service = Service(Path(folder), **ENVIRONMENT)
        fill(service, [(f"user-{number}", "BTCUSDT") for number in range(ROUNDS)], ONE_SCOPE)
        with service:
            times = []
            for number in range(ROUNDS):
                began = time.perf_counter()
                answer = service.client.post(
                    f"/api/v1/thresholds/user-{number}/adapt", json={"symbol": "BTCUSDT"}, headers=HEADERS
                )
                times.append((time.perf_counter() - began) * 1000)
                assert answer.json()["data"]["evidence"]["new_outcomes"] == ONE_SCOPE, answer.text
    told = f"{spread(times, '{:.1f}')}, p99 {percentile(times, 99):.1f}"
    return ["adapt one scope with 1,000 new outcomes, over HTTP, ms", told, "p99 under 50"]


def all_at_once(users: int, symbols: int) -> Iterator[list[str]]:
    scopes = [(f"user-{user}", f"COIN{symbol}USDT") for user in range(users) for symbol in range(symbols)]
    told = f"{users:,} users × {symbols} symbols and the users' own"
    with tempfile.TemporaryDirectory(prefix="ml-service-bench-") as folder:
        service = Service(Path(folder), **ENVIRONMENT)
        fill(service, scopes, EACH)
        with service:
            evaluated(service, threading.Event(), WARM_SECONDS)
            before = evaluated(service, threading.Event(), BEFORE_SECONDS)
            first = due(service, 0)
            report(service, scopes, DAILY)
            second = due(service, 1)
            memory = {
                name: max(process.memory_info().rss for process in service.processes(name)) / 2**20
                for name in ("web", "worker")
            }
    for what, (seconds, result, beside, bare) in (
        (f"begin to learn, from {EACH} outcomes of six weeks each", first),
        (f"the next day, {DAILY} outcomes each", second),
    ):
        assert result["failures"] == 0, result
        yield [f"{what}: {told}, s", f"{seconds:.1f} ({result['scopes']:,} scopes: {result['verdicts']})", "under 60"]
        told_of = f"{percentile(beside, 50):.1f}, {percentile(beside, 95):.1f}, {percentile(beside, 99):.1f}"
        yield ["evaluate at 100/s meanwhile, ms: median, p95, p99", told_of, "p99 under 10"]
        told_of = f"{percentile(bare, 99):.1f}, {100.0 * slow_share(bare):.2f} % above {SLOW_MS:.0f}"
        yield ["a bare write of 4 kB with its sync on the same disk meanwhile, ms: p99", told_of, ""]
    yield ["p99 of evaluate at 100/s before, ms", f"{percentile(before, 99):.1f}", "under 10"]
    yield ["memory of web and worker afterwards, MB", f"{memory['web']:.0f} and {memory['worker']:.0f}", ""]


def due(service: Service, days_ahead: int) -> tuple[float, dict[str, Any], list[float], list[float]]:
    """Adapt all that is due, while signals are evaluated: seconds, result, milliseconds of each evaluation and of each
    bare write, which tells what the disk has to do with it."""
    over = threading.Event()
    beside: list[list[float]] = []
    bare: list[list[float]] = []
    load = threading.Thread(target=lambda: beside.append(evaluated(service, over, 900.0)))
    disk = threading.Thread(target=lambda: bare.append(written(service.folder / "bare", over)))
    load.start()
    disk.start()
    began = time.perf_counter()
    result = run(service, days_ahead)
    seconds = time.perf_counter() - began
    over.set()
    load.join()
    disk.join()
    return seconds, result, beside[0], bare[0]


def written(path: Path, stop: threading.Event) -> list[float]:
    times = []
    with path.open("wb") as file:
        while not stop.wait(0.02):
            began = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return times


def slow_share(times: list[float]) -> float:
    return sum(one > SLOW_MS for one in times) / len(times)


def evaluated(service: Service, stop: threading.Event, seconds: float) -> list[float]:
    report = run_load(service.port, EVALUATE, connections=4, seconds=seconds, rate=RATE, stop=stop)
    return [one * 1000 for one in report.seconds["200"]]


def run(service: Service, days_ahead: int) -> dict[str, Any]:
    moment = {"X-Test-Time": str(int(time.time() * 1000) + days_ahead * DAY_MS)}
    job = service.client.post("/adapt", json={}, headers=HEADERS | moment).json()["data"]
    while job["state"] not in ("done", "failed"):
        time.sleep(0.25)
        job = httpx.get(f"{service.url}/api/v1/jobs/{job['job_id']}", headers=HEADERS).json()["data"]
        progress = job["progress"]
        print(f"\r{progress['done']} of {progress['total']}", end="", file=sys.stderr)
    print(file=sys.stderr)
    assert job["state"] == "done", job
    result: dict[str, Any] = job["result"]
    return result


def fill(service: Service, scopes: list[tuple[str, str]], each: int) -> None:
    """Straight into the tables: outcomes over six weeks, each with what its decision saw."""
    (service.folder / "data").mkdir()
    upgrade(service.store_url)
    chance = random.Random(1)
    with closing(Database(service.store_url)) as database:
        for start in range(0, len(scopes), 200):
            rows = [
                outcome_row(stored_outcome(chance, user_id, symbol, number, each))
                for user_id, symbol in scopes[start : start + 200]
                for number in range(each)
            ]
            with database.write(synced=False) as connection:
                connection.execute(insert(t.outcomes), rows)
    # What the disk still has to take is no part of what is measured.
    os.sync()


def report(service: Service, scopes: list[tuple[str, str]], each: int) -> None:
    """What each scope has new on the day after."""
    chance = random.Random(2)
    at_ms = int(time.time() * 1000) + DAY_MS // 2
    with closing(Database(service.store_url)) as database:
        for start in range(0, len(scopes), 200):
            rows = [
                outcome_row(moved(stored_outcome(chance, *scope, EACH + number, EACH), at_ms))
                for scope in scopes[start : start + 200]
                for number in range(each)
            ]
            with database.write(synced=False) as connection:
                connection.execute(insert(t.outcomes), rows)
    os.sync()


def moved(stored: StoredOutcome, at_ms: int) -> StoredOutcome:
    return replace(stored, outcome=replace(stored.outcome, closed_at_ms=at_ms), received_at_ms=at_ms)


def stored_outcome(chance: random.Random, user_id: str, symbol: str, number: int, each: int) -> StoredOutcome:
    confidence = chance.gauss(0.72, 0.1)
    lesson = Lesson(
        (confidence, chance.uniform(20, 80), chance.gauss(0.02, 0.03), None, chance.gauss(2e9, 3e8), 2.5), "*", 0, True
    )
    at_ms = int(time.time() * 1000) - DAY_MS - DAYS * DAY_MS + DAYS * DAY_MS * number // each
    outcome = Outcome(
        user_id,
        f"{symbol}-{number}",
        symbol,
        accepted=confidence > 0.65,
        pnl=10.0 * chance.gauss(0.3 if confidence > 0.74 else -0.4, 1.1),
        risk=10.0,
        closed_at_ms=at_ms,
    )
    return StoredOutcome(outcome, at_ms, "decision_id", f"d-{number}", None, lesson)


if __name__ == "__main__":
    main(*(int(given) for given in sys.argv[1:3])) if len(sys.argv) > 2 else main(1000, 10)
