"""The other figures of the service: batches, outcomes, thresholds across processes, memory, size, start.

    python -m benchmarks.service

Durable writes depend on the disk, so its own sync time stands beside them.
"""

import os
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.measuring import Server, serving, spread, table
from ml_service.adapters.shared_page import SharedPage
from tests.load import Answer, http_request, run_load
from tests.service import SIGNAL, Service

ROUNDS = 5


def main() -> None:
    rows = [
        ["one sync of this disk, ms", spread(sync_ms(), "{:.2f}"), ""],
        ["threshold check across processes, µs", spread(check_us(), "{:.2f}"), "under 10"],
    ]
    with serving(["ml_service", "run"], ENVIRONMENT="testing") as server:
        rows.append(["signals/s in batches of 1,000, no model, 4 connections", spread(batches(server)), "20,000"])
        rows.append(["outcomes/s, durable, 8 connections", spread(outcomes(server)), "500"])
    with serving(["ml_service", "run"], ENVIRONMENT="testing", WORKERS="1") as server:
        rows.append(["signals/s in such batches with one web worker", spread(batches(server)), "20,000"])
    rows += trade_size()
    rows += memory()
    rows += starts()
    print(table(["figure", "median (smallest to largest)", "target"], rows))


def sync_ms() -> list[float]:
    with tempfile.NamedTemporaryFile() as file:
        times = []
        for _ in range(200):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return times


def check_us() -> list[float]:
    """A glance at the mark that every process of the host shares."""
    with tempfile.TemporaryDirectory() as folder:
        mark = SharedPage(Path(folder) / "shared.page").mark("generation")
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            for _ in range(10_000):
                mark.value()
            times.append((time.perf_counter() - began) * 100)
    return times


def batches(server: Server) -> list[float]:
    batch = {"signals": [{**SIGNAL, "symbol": f"C{number}USDT"} for number in range(1000)]}
    request = http_request("/api/v1/evaluate/ada/batch", batch)
    rates = []
    for _ in range(ROUNDS + 1):
        report = run_load(server.port, request, connections=4, seconds=2.0, classify=whole_batch)
        # A disk that stands still for long enough leaves batches unrecorded, and they say so: they do not count.
        assert set(report.labels) <= {"recorded", "unrecorded"}, report.labels
        rates.append(1000 * report.rate("recorded"))
    return rates[1:]


def whole_batch(answer: Answer) -> str:
    """Every signal decided, and every decision on disk."""
    if answer.status != 200 or answer.body.count(b'"success":true') != 1001:
        return str(answer.status)
    return "unrecorded" if b"unrecorded" in answer.body else "recorded"


def outcomes(server: Server) -> list[float]:
    def one(number: int) -> bytes:
        body = {"trade_id": f"{time.time_ns()}-{number}", "symbol": "BTCUSDT", "pnl": 1.5, "risk": 10}
        return http_request("/api/v1/outcomes/ada", body)

    rates = []
    for _ in range(ROUNDS):
        report = run_load(server.port, one, connections=8, seconds=2.0)
        assert set(report.statuses) == {200}, report.statuses
        rates.append(report.rate("200"))
    return rates


def trade_size() -> list[list[str]]:
    """Bytes of the database per decision and per trade (one decision, one outcome)."""
    with tempfile.TemporaryDirectory() as folder, Service(Path(folder)) as service:
        store = Path(folder) / "data" / "ml_service.db"
        signals = [{**SIGNAL, "symbol": "BTCUSDT"} for _ in range(1000)]
        empty = store_bytes(store)
        decided = []
        for _ in range(5):
            answer = service.client.post("/api/v1/evaluate/ada/batch", json={"signals": signals})
            decided += [result["data"]["decision_id"] for result in answer.json()["data"]["results"]]
        with_decisions = store_bytes(store)
        for start in range(0, len(decided), 1000):
            reports = [
                {"trade_id": f"t-{name}", "symbol": "BTCUSDT", "pnl": 1.5, "risk": 10.0, "decision_id": name}
                for name in decided[start : start + 1000]
            ]
            service.client.post("/api/v1/outcomes/ada", json={"outcomes": reports}).raise_for_status()
        with_outcomes = store_bytes(store)
    per_decision = (with_decisions - empty) / len(decided)
    per_trade = (with_outcomes - empty) / len(decided)
    return [
        ["bytes per decision", f"{per_decision:.0f}", ""],
        ["bytes per trade (decision, outcome, event)", f"{per_trade:.0f}", "about 1,000"],
    ]


def store_bytes(store: Path) -> int:
    """Of the pages in use, once the write-ahead log is in the file."""
    connection = sqlite3.connect(store)
    connection.execute("PRAGMA wal_checkpoint(FULL)")
    pages, size, free = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS)
    connection.close()
    return int((pages - free) * size)


PRAGMAS = ("page_count", "page_size", "freelist_count")


def memory() -> list[list[str]]:
    """Of the answering process: with nothing loaded, and with the thresholds of 1,000 users × 10 symbols."""
    users = 1000
    with tempfile.TemporaryDirectory() as folder, Service(Path(folder)) as service:
        service.evaluate()
        base = resident_mb(service.web_worker())
        for user in range(users):
            for symbol in range(10):
                service.client.put(
                    f"/api/v1/thresholds/user{user}",
                    json={"symbol": f"C{symbol}USDT", "thresholds": {"rsi_threshold": 60 + symbol}},
                ).raise_for_status()
        service.stop()
        service.start()
        service.evaluate()
        loaded = resident_mb(service.web_worker())
    return [
        ["memory of each web process, MB", f"{base:.0f}", "200"],
        ["with 1,000 users × 10 symbols, MB", f"{loaded:.0f}", ""],
        ["per user, KB", f"{(loaded - base) * 1024 / users:.1f}", "1,024"],
    ]


def resident_mb(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 1024**2


def starts() -> list[list[str]]:
    first, again = [], []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            # A folder that is there already gets its databases from the service itself.
            (Path(folder) / "data").mkdir()
            service = Service(Path(folder), WORKERS="2")
            try:
                first.append(service.start())
                service.evaluate()
                service.kill()
                again.append(service.start())
            finally:
                service.kill()
    return [
        ["start to first answer, new data folder, s", spread(first, "{:.2f}"), "3"],
        ["start after kill -9, s", spread(again, "{:.2f}"), "5"],
    ]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        raise SystemExit(__doc__)
    main()
