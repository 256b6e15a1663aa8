"""The worker as a process: it reads the bot's trades, leads alone, and stops when asked."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.ports import Period
from tests.migrated import migrated
from tests.worker.conftest import until

ROOT = Path(__file__).resolve().parents[2]


class Host:
    """An embedded store, the bot's trades, and workers over both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.database = Database(migrated(f"sqlite:///{self.data / 'ml_service.db'}"))
        self.store = SqlStore(self.database)
        self.trades = folder / "bot.db"
        self.workers: list[subprocess.Popen[bytes]] = []
        with contextlib.closing(sqlite3.connect(self.trades)) as connection:
            connection.execute(
                "CREATE TABLE trades (user_id TEXT, symbol TEXT, entry_price REAL, exit_price REAL, quantity REAL,"
                " pnl REAL, pnl_percent REAL, fees REAL, hold_duration REAL, opened_at TEXT, closed_at TEXT,"
                " signal_id TEXT)"
            )
            connection.commit()

    def close_trade(self, name: str, minute: int) -> None:
        with contextlib.closing(sqlite3.connect(self.trades)) as connection:
            connection.execute(
                "INSERT INTO trades (user_id, symbol, pnl, closed_at, signal_id) VALUES ('ada', 'BTCUSDT', 1.0, ?, ?)",
                (f"2026-03-01T12:{minute:02d}:00Z", name),
            )
            connection.commit()

    def start(self, **environ: str) -> subprocess.Popen[bytes]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        with (self.folder / "worker.out").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "ml_service", "worker"],
                cwd=ROOT,
                env={
                    **kept,
                    "ENVIRONMENT": "testing",
                    "ML_SERVICE_DATA_DIR": str(self.data),
                    "TRADES_DATABASE_URL": f"sqlite:///{self.trades}",
                    "ML_SERVICE__TRADES__POLL_SECONDS": "1",
                    **environ,
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.workers.append(process)
        return process

    def names(self) -> list[str]:
        with self.store.read() as reading:
            items: tuple[Any, ...] = reading.outcomes("ada", Period(), None, 100).items
        return sorted(str(one.outcome.signal_id) for one in items)

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait(10)
        self.database.close()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    opened = Host(tmp_path)
    yield opened
    opened.close()


def test_it_reads_the_trades_of_the_bot_as_they_come(host: Host) -> None:
    host.close_trade("s-0", 0)
    host.start()
    until(lambda: host.names() == ["s-0"])

    host.close_trade("s-1", 1)

    until(lambda: host.names() == ["s-0", "s-1"])


def test_it_stops_when_it_is_asked_to(host: Host) -> None:
    host.close_trade("s-0", 0)
    worker = host.start()
    until(lambda: host.names() == ["s-0"])

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(10) == 0


def test_a_second_worker_waits_and_takes_over_when_the_first_is_killed(host: Host) -> None:
    host.close_trade("s-0", 0)
    first = host.start()
    until(lambda: host.names() == ["s-0"])
    # The second one knows other trades only: what it reads shows that it leads.
    other = host.folder / "other.db"
    other.write_bytes(host.trades.read_bytes())
    with contextlib.closing(sqlite3.connect(other)) as connection:
        connection.execute("UPDATE trades SET signal_id = 'of-the-second', closed_at = '2026-03-01T12:30:00Z'")
        connection.commit()
    host.start(TRADES_DATABASE_URL=f"sqlite:///{other}")
    host.close_trade("s-1", 1)
    until(lambda: "s-1" in host.names())
    before = host.names()

    first.kill()
    first.wait(10)

    until(lambda: "of-the-second" in host.names())
    assert before == ["s-0", "s-1"]


def test_trades_that_are_away_stop_nothing_else(host: Host) -> None:
    host.trades.unlink()
    worker = host.start()
    with host.store.begin() as tx:
        from ml_service.domain.events import KillSwitchTurned

        tx.publish(KillSwitchTurned("*", True, "a test", "ada"), 1)

    def handled() -> bool:
        with host.store.read() as reading:
            return reading.counts(0)["events_waiting"] == 0

    until(handled)
    assert worker.poll() is None
