"""What it costs to keep the market's data: an import beside live decisions, bars as they close, reading for training.

    python -m benchmarks.market              three years of made-up minutes, one after the other
    python -m benchmarks.market 1            one, for a first look

The file is in Binance's form, so reading, checking, storing and the feature rows at the end are all in the time, and
so is the start of the command. Meanwhile signals are evaluated at a steady hundred a second.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.measuring import EVALUATE, spread, table
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.market import SqlMarket
from ml_service.domain.market.candles import Candles, Stream
from tests.candles import walk
from tests.load import percentile, run_load
from tests.service import ROOT, Service

YEAR = 525_600
MINUTE_MS = 60_000
RATE = 100.0
BARS = 200
ENVIRONMENT: dict[str, Any] = {"ML_SERVICE_TRUSTED_NETWORK": "127.0.0.0/8", "WORKERS": "2"}


def main(years: int) -> None:
    with tempfile.TemporaryDirectory(prefix="ml-service-bench-") as name:
        folder = Path(name)
        with Service(folder, **ENVIRONMENT) as service:
            rows = list(figures(service, folder, years))
    print(table(["figure", "measured", "target"], rows))


def figures(service: Service, folder: Path, years: int) -> Iterator[list[str]]:
    before = evaluated(service, threading.Event(), 8.0)
    yield ["p99 of evaluate at 100/s before, ms", f"{percentile(before, 99):.1f}", "under 10"]
    symbols = [f"COIN{number}USDT" for number in range(years)]
    files = [written(folder, symbol, seed) for seed, symbol in enumerate(symbols)]
    over, beside = threading.Event(), []
    load = threading.Thread(target=lambda: beside.extend(evaluated(service, over, 600.0)))
    load.start()
    rates = [YEAR / imported(service, file) for file in files]
    over.set()
    load.join()
    yield ["import of a year of minutes into SQLite, rows/s", spread(rates, "{:,.0f}"), "at least 100,000"]
    yield ["p99 of evaluate at 100/s meanwhile, ms", f"{percentile(beside, 99):.1f}", "under 10"]
    yield ["the same file again, rows/s", f"{YEAR / imported(service, files[0]):,.0f}", ""]
    yield ["a bar as it closes, over HTTP, with its feature row, ms", spread(closing_bars(service), "{:.1f}"), ""]
    yield ["reading for training, in portions, rows/s", f"{read(service, symbols[0]):,.0f}", ""]
    size = sum(file.stat().st_size for file in (service.folder / "data").glob("market.db*"))
    yield ["a candle on disk, bytes", f"{size / YEAR / years:.0f}", ""]


def evaluated(service: Service, stop: threading.Event, seconds: float) -> list[float]:
    report = run_load(service.port, EVALUATE, connections=4, seconds=seconds, rate=RATE, stop=stop)
    return [one * 1000 for one in report.seconds["200"]]


def minutes(seed: int) -> Candles:
    first_ms = int(time.time() * 1000) // MINUTE_MS * MINUTE_MS - (YEAR + BARS + 10) * MINUTE_MS
    return walk(YEAR + BARS, seed, first_ms, MINUTE_MS)


def written(folder: Path, symbol: str, seed: int) -> Path:
    file = folder / f"{symbol}-1m-2025.csv"
    candles = minutes(seed)[:YEAR]
    columns = [
        candles.opened_at_ms,
        candles.open,
        candles.high,
        candles.low,
        candles.close,
        candles.volume,
        candles.opened_at_ms + MINUTE_MS - 1,
        candles.volume * candles.close,
        np.full(YEAR, 100),
        candles.volume / 2,
        candles.volume * candles.close / 2,
        np.zeros(YEAR, np.int64),
    ]
    with file.open("w") as out:
        for row in zip(*(column.tolist() for column in columns), strict=True):
            out.write(",".join(map(repr, row)) + "\n")
    return file


def imported(service: Service, file: Path) -> float:
    began = time.perf_counter()
    command = [sys.executable, "-m", "ml_service", "data", "import", str(file), "--venue", "binance"]
    environment = {**service._variables(), "PATH": os.environ["PATH"]}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def closing_bars(service: Service) -> list[float]:
    """Of the first symbol, going on where its file ended."""
    candles = minutes(0)[YEAR:]
    times = []
    with httpx.Client(base_url=service.url) as client:
        for candle in candles.rows():
            began = time.perf_counter()
            answer = client.post("/api/v1/market/binance/COIN0USDT/1m/candles", json=[list(candle[:6])])
            times.append((time.perf_counter() - began) * 1000)
            assert answer.json()["data"]["new"] == 1, answer.text
    return times


def read(service: Service, symbol: str) -> float:
    with closing(Database(f"sqlite:///{service.folder / 'data' / 'market.db'}")) as database:
        began = time.perf_counter()
        rows = sum(len(part) for part in SqlMarket(database).candles(Stream("binance", symbol, "1m")))
        return rows / (time.perf_counter() - began)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
