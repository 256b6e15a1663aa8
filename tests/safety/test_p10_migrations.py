"""P10: migrations up and down on live data lose nothing."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Float, inspect, select

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.schema import FOLDER, HEAD, downgrade, losses, upgrade, version
from tests.service import PATIENT, ROOT, SIGNAL, Service

VERSIONS = sorted(path.name[:4] for path in (FOLDER / "versions").glob("0*.py"))
KEPT = (t.decisions, t.decision_keys, t.outcomes, t.outcome_keys, t.thresholds, t.threshold_heads, t.settings_documents)
"""What every step between the first version and the newest has to leave alone."""


def row_hashes(url: str) -> dict[str, dict[tuple[Any, ...], str]]:
    """By table and primary key, a hash of each row."""
    database = Database(url)
    try:
        with database.read() as connection:
            return {table.name: hashes_of(connection, table) for table in KEPT}
    finally:
        database.close()


def hashes_of(connection: Connection, table: Any) -> dict[tuple[Any, ...], str]:
    keys = [column.name for column in table.primary_key]
    return {
        tuple(row[name] for name in keys): hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest()
        for row in connection.execute(select(table)).mappings()
    }


def assert_kept(before: dict[str, dict[tuple[Any, ...], str]], after: dict[str, dict[tuple[Any, ...], str]]) -> None:
    for name, rows in before.items():
        assert {key: after[name].get(key) for key in rows} == rows, f"rows of {name} changed"


def command(environment: dict[str, str], *arguments: str, answer: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ml_service", "migrate", *arguments],
        cwd=ROOT,
        env=environment,
        input=answer,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(params=["sqlite", "postgres"])
def live(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """The real service with rows in every table that counts."""
    environment: dict[str, Any] = {"ENABLE_RATE_LIMITING": "false", "WORKERS": "1", **PATIENT}
    if request.param == "postgres":
        environment["DATABASE_URL"] = request.getfixturevalue("postgres_url")
    with Service(tmp_path, **environment) as service:
        for number in range(20):
            service.evaluate("ada", None, decision_id=f"first-{number}")
            assert report(service.client, f"first-{number}") == 200
        put = {"thresholds": {"rsi_threshold": 61}}
        service.client.put("/api/v1/thresholds/ada", json=put).raise_for_status()
        yield service


def report(client: httpx.Client, trade_id: str) -> int:
    body = {"trade_id": trade_id, "symbol": "BTCUSDT", "pnl_percent": 0.5}
    return client.post("/api/v1/outcomes/ada", json=body).status_code


def environment_of(service: Service) -> dict[str, str]:
    return {**service._variables(), "PATH": os.environ["PATH"]}


# ---- with writers running


class Writers:
    """Two threads that decide and report until told to stop, and remember what was acknowledged."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.reported: list[str] = []
        self.strange: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(2)]

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _write(self, writer: int) -> None:
        with httpx.Client(base_url=self.service.url, timeout=30.0) as client:
            number = 0
            while not self._stop.is_set():
                number += 1
                trade_id = f"live-{writer}-{number}"
                decided = client.post("/api/v1/evaluate/ada", json={"signal": SIGNAL, "decision_id": trade_id})
                if decided.status_code != 200:
                    self.strange.append(f"evaluate {decided.status_code} {decided.text[:200]}")
                status = report(client, trade_id)
                if status == 200:
                    self.reported.append(trade_id)
                elif status != 503:
                    self.strange.append(f"outcome {status}")
                time.sleep(0.005)


def go_up_and_down(live: Service, rounds: int) -> None:
    url, environment = live.store_url, environment_of(live)
    before = row_hashes(url)

    with Writers(live) as writers:
        for _ in range(rounds):
            time.sleep(0.3)
            down = command(environment, "down", VERSIONS[0], "--yes")
            time.sleep(0.3)
            up = command(environment, "up")
            assert down.returncode == 0, down.stdout + down.stderr
            assert up.returncode == 0, up.stdout + up.stderr
        time.sleep(0.5)
    # What the journal took while the database was being changed comes back by itself.
    deadline = time.monotonic() + 20
    while missing(url, writers.reported) and time.monotonic() < deadline:
        time.sleep(0.2)

    assert writers.strange == []
    assert len(writers.reported) > 20 * rounds
    assert missing(url, writers.reported) == set()
    assert_kept(before, row_hashes(url))
    assert live.evaluate("ada")["degraded"] == []


def missing(url: str, trade_ids: list[str]) -> set[str]:
    database = Database(url)
    try:
        with database.read() as connection:
            stored = list(connection.execute(select(t.outcomes.c.trade_id)).scalars())
    finally:
        database.close()
    assert len(stored) == len(set(stored))
    return set(trade_ids) - set(stored)


def test_down_and_up_with_writers_running_loses_nothing(live: Service) -> None:
    go_up_and_down(live, 1)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_down_and_up_ten_times_with_writers_running_loses_nothing(live: Service) -> None:
    go_up_and_down(live, 10)


# ---- killed in the middle

SLOW_STEP = '''
"""One that takes its time, after it has changed something of every kind."""

import os
import time

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("half_done", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO half_done VALUES (1)")
    op.execute("UPDATE outcomes SET pnl = -1")
    op.execute("DELETE FROM decision_keys")
    op.add_column("cursors", sa.Column("half_done", sa.Text))
    if os.environ.get("SLOW"):
        print("in the middle", flush=True)
        time.sleep(60)


def downgrade() -> None:
    op.drop_table("half_done")
'''

RUN = """
import sys
from dataclasses import replace
from pathlib import Path
from ml_service.adapters.store import schema

schema.FOLDER = Path(sys.argv[2])
line = replace(schema.STORE, folder=schema.FOLDER / "versions", head="9999")
print(schema.upgrade(sys.argv[1], line=line), flush=True)
"""


def test_a_migration_killed_in_the_middle_leaves_all_as_it_was_and_the_next_one_completes(
    live: Service, tmp_path: Path
) -> None:
    live.stop()
    url, before = live.store_url, row_hashes(live.store_url)
    folder = tmp_path / "migrations"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9999_slow.py").write_text(SLOW_STEP.replace("{head}", HEAD))

    arguments = [sys.executable, "-c", RUN, url, str(folder)]
    slow = subprocess.Popen(arguments, cwd=ROOT, env={**os.environ, "SLOW": "1"}, stdout=subprocess.PIPE, text=True)
    assert slow.stdout is not None
    assert slow.stdout.readline() == "in the middle\n"
    slow.send_signal(signal.SIGKILL)
    slow.wait(10)
    slow.stdout.close()

    live.start()
    assert live.evaluate("ada", None, decision_id="first-0")["degraded"] == []
    assert report(live.client, "after-the-kill") == 200
    live.stop()
    assert_kept(before, row_hashes(url))
    assert shape(url) == (HEAD, False)

    again = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert again.stdout == "9999\n", again.stderr
    assert shape(url) == ("9999", True)


def shape(url: str) -> tuple[str | None, bool]:
    """The version, and whether the slow step has left its table."""
    database = Database(url)
    try:
        with database.read() as connection:
            return version(connection), inspect(connection).has_table("half_done")
    finally:
        database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    postgres = request.getfixturevalue("postgres")
    url: str = postgres.create_database(f"empty_{time.time_ns()}")
    return url


def kill_at_random(url: str, rounds: int) -> None:
    """Kill the first migration of an empty database at different moments; each next run goes on or completes."""
    command_line = [sys.executable, "-c", f"from ml_service.adapters.store.schema import upgrade; upgrade({url!r})"]
    for number in range(rounds):
        process = subprocess.Popen(command_line, cwd=ROOT)
        time.sleep(0.3 + 0.5 * number / rounds)
        process.kill()
        process.wait(10)
        database = Database(url)
        with database.read() as connection:
            found = version(connection)
            names = set(inspect(connection).get_table_names())
        database.close()
        assert found in (None, HEAD)
        assert ("outcomes" in names) == (found == HEAD)
        if found == HEAD:
            downgrade(url, "base")
    assert upgrade(url) == HEAD


def test_a_first_migration_killed_at_any_moment_is_all_or_nothing(empty_url: str) -> None:
    kill_at_random(empty_url, 4)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_first_migration_killed_at_a_hundred_moments_is_all_or_nothing(empty_url: str) -> None:
    kill_at_random(empty_url, 100)


def test_processes_that_start_together_migrate_once(empty_url: str) -> None:
    line = f"from ml_service.adapters.store.schema import upgrade; print(upgrade({empty_url!r}))"
    processes = [
        subprocess.Popen([sys.executable, "-c", line], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]

    told = [process.communicate(timeout=60)[0] for process in processes]

    assert told == [f"{HEAD}\n"] * 3


# ---- a step back that loses something asks first


def test_a_downgrade_says_what_it_would_lose_and_asks(store_url: str, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "ENVIRONMENT": "testing",
        "ML_SERVICE_DATA_DIR": str(tmp_path),
        "DATABASE_URL": store_url,
    }

    no = command(environment, "down", VERSIONS[0], answer="n\n")
    after_no = shape(store_url)[0]
    silence = command(environment, "down", "base")
    after_silence = shape(store_url)[0]
    yes = command(environment, "down", VERSIONS[0], answer="y\n")
    after_yes = command(environment, "status")

    assert no.returncode != 0
    assert "this would lose: all API keys, the kill switch's state and the audit chain" in no.stdout
    assert silence.returncode != 0
    assert "this would lose: all thresholds, decisions, outcomes and events" in silence.stdout
    assert after_no == after_silence == HEAD
    assert yes.returncode == 0
    assert f"the database is at {VERSIONS[0]}, this program expects {HEAD}" in after_yes.stdout
    assert after_yes.returncode == 3


def test_every_step_that_drops_something_says_what_it_loses(store_url: str) -> None:
    for path in (FOLDER / "versions").glob("0*.py"):
        text = path.read_text()
        assert "LOSES = (" in text or not any(word in text for word in ("drop_table", "drop_column")), path.name

    assert len(losses(store_url, "base")) >= len(VERSIONS)
    assert losses(store_url, HEAD) == ()


# ---- one shape, described twice


def test_the_tables_are_what_the_migrations_build(database: Database) -> None:
    def counts(thing: Any, name: str | None, kind: str, reflected: bool, _: Any) -> bool:
        # Not Alembic's own tables, nor, on PostgreSQL, partitions and the market's store.
        return not (kind == "table" and reflected and name not in t.metadata.tables)

    def differs(context: Any, _: Any, __: Any, built: Any, described: Any) -> bool | None:
        # SQLite keeps every floating number alike, whatever its column is called.
        floating = isinstance(built, Float) and isinstance(described, Float)
        return False if floating and context.dialect.name == "sqlite" else None

    with database.read() as connection:
        options = {"compare_type": differs, "include_object": counts}
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, t.metadata)

    assert differences == []


def test_the_program_expects_the_newest_migration() -> None:
    assert VERSIONS[-1] == HEAD
    assert [f"{number:04d}" for number in range(1, len(VERSIONS) + 1)] == VERSIONS
