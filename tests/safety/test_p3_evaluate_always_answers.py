"""P3: evaluate never fails or slows because database, Redis, learner or disk is down, slow or full; it heals."""

import contextlib
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from ml_service.adapters.store.schema import STORE, downgrade, is_current_already
from tests.safety.callers import (
    HEAL_SECONDS,
    USER,
    Caller,
    assert_all_recorded,
    assert_always_answered,
    assert_untroubled,
    await_decisions_undegraded,
    await_health,
    beside,
    outcome,
    until,
)
from tests.safety.syncs import COMPILER, NO_COMPILER, Syncs
from tests.servers import PostgresServer, RedisServer, TroubledProxy
from tests.service import ROOT, Service
from tests.troubled_proxy import Mode

TROUBLES = [mode for mode in get_args(Mode) if mode != "ok"]
STALE_SECONDS = 4.0
"""By then every kind of silence has been noticed: an answer that does not come is waited for 3 s."""
TROUBLE_SECONDS = [4.0, pytest.param(30.0, marks=[pytest.mark.long, pytest.mark.timeout(600)])]

CONNECTIONS_TO_ALL = 12
EACH_TROUBLE_SECONDS = 1.5
REPORT_SECONDS_MAX = 1.5

DISK_BYTES = 24 << 20

MUTE_SECONDS_MAX = 3.0
"""A start takes a second or two by itself; with this it stays within five."""

RSI_SET_BEFORE = 61.0
"""A threshold of the user's own: whoever decides with another one has lost the snapshot."""


# ---- PostgreSQL


@pytest.mark.parametrize("seconds", TROUBLE_SECONDS)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_every_signal_is_decided_while_postgres_is_in_trouble(
    behind_proxy: "Proxied", trouble: Mode, seconds: float
) -> None:
    service, proxy = behind_proxy
    before = assert_always_answered(service, 0.5)

    proxy.mode = trouble
    entering = assert_always_answered(service, seconds)
    await_stale(service)
    within = assert_always_answered(service, 1.0)
    proxy.mode = "ok"
    leaving = assert_always_answered(service, 1.0)

    assert_untroubled(before)
    assert all("database_away" in decision["degraded"] for decision in within)
    assert all(decision["snapshot_age_ms"] > 0 for decision in within)
    everything = [*before, *entering, *within, *leaving]
    assert {decision["thresholds"]["rsi_threshold"] for decision in everything} == {RSI_SET_BEFORE}
    assert {decision["decision"] for decision in everything} == {"take"}
    await_decisions_undegraded(service)
    await_health(service)
    assert_all_recorded(service, everything)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_same_decision_id_gets_its_first_answer_while_postgres_is_in_trouble_and_afterwards(
    patient_behind_proxy: "Proxied", trouble: Mode
) -> None:
    service, proxy = patient_behind_proxy
    name = f"{trouble}-{time.monotonic_ns()}"
    with Caller(service) as caller:
        early = caller.evaluate(decision_id=f"early-{name}")[1]["data"]
        proxy.mode = trouble
        entering = caller.evaluate(decision_id=f"entering-{name}")[1]["data"]
        entering_again = caller.evaluate(decision_id=f"entering-{name}")[1]["data"]
        await_stale(service)
        first = caller.evaluate(decision_id=f"within-{name}")[1]["data"]
        again = [caller.evaluate(decision_id=f"within-{name}")[1]["data"] for _ in range(3)]
        other = caller.evaluate(decision_id=f"within-{name}", rsi=56)[1]["data"]
        early_in_trouble = caller.evaluate(decision_id=f"early-{name}")[1]["data"]
        proxy.mode = "ok"
        healing = caller.evaluate(decision_id=f"within-{name}")[1]["data"]
        await_decisions_undegraded(service)
        await_health(service)
        healed = caller.evaluate(decision_id=f"within-{name}")[1]["data"]
        entering_healed = caller.evaluate(decision_id=f"entering-{name}")[1]["data"]
        early_healed = caller.evaluate(decision_id=f"early-{name}")[1]["data"]

    assert first["degraded"] == ["database_away"]
    assert again == [first] * 3
    assert (other["decision"], other["code"]) == ("abstain", "decision_id_reused")
    assert healing == first
    assert healed == first
    assert entering_again == entering
    assert entering_healed == entering
    # The first answer lies beyond reach: the verdict stands all the same, for the snapshot has not moved.
    assert (early_in_trouble["decision"], early_in_trouble["thresholds"]) == ("take", early["thresholds"])
    assert early_healed == early


@pytest.mark.parametrize("trouble", ["refused", "silent"])
def test_a_start_without_postgres_decides_from_the_last_snapshot_and_migrates_later(
    tmp_path: Path, postgres: PostgresServer, postgres_url: str, trouble: Mode
) -> None:
    with TroubledProxy(postgres.port) as proxy:
        url = through(proxy, postgres, postgres_url)
        with Service(tmp_path, DATABASE_URL=url) as service:
            set_thresholds(service)
            await_kept_snapshot(service)
        downgrade(postgres_url, "-1")
        proxy.mode = trouble

        with Service(tmp_path, DATABASE_URL=url) as service:
            decisions = assert_always_answered(service, 2.0)
            proxy.mode = "ok"
            await_decisions_undegraded(service)
            await_health(service)

            assert {decision["thresholds"]["rsi_threshold"] for decision in decisions} == {RSI_SET_BEFORE}
            assert all("database_away" in decision["degraded"] for decision in decisions)
            assert all("snapshot_age_ms" in decision for decision in decisions)
            assert_all_recorded(service, decisions)
            until(lambda: is_current_already(postgres_url, STORE), HEAL_SECONDS, "migrated")


def test_a_start_with_a_mute_postgres_takes_hardly_longer_than_any_other(
    tmp_path: Path, postgres: PostgresServer, postgres_url: str
) -> None:
    """With its keys in the database alone and open to the outside, it asks most often before its first answer."""
    with TroubledProxy(postgres.port) as proxy:
        service = Service(tmp_path, DATABASE_URL=through(proxy, postgres, postgres_url), HOST="0.0.0.0")
        key = {"X-API-Key": key_of(service)}
        with service:
            service.evaluate(USER, key)
            service.kill()
            usual = time_to_first_decision(service, key)
            service.kill()

            proxy.mode = "silent"
            mute = time_to_first_decision(service, key)

    assert mute - usual < MUTE_SECONDS_MAX


# ---- Redis


def test_every_signal_is_decided_while_redis_is_in_trouble(tmp_path: Path) -> None:
    with (
        quick_disk(tmp_path) as data,
        RedisServer() as redis,
        # Refused from the start: the cache is not needed for that either.
        TroubledProxy(redis.port, "refused") as proxy,
        Service(
            tmp_path,
            ML_SERVICE_DATA_DIR=data,
            ENABLE_REDIS_CACHE="true",
            REDIS_URL=f"redis://127.0.0.1:{proxy.port}/0",
        ) as service,
    ):

        def troubles(over: threading.Event) -> None:
            with Caller(service) as caller:
                for count, trouble in enumerate(itertools.cycle([*TROUBLES, "ok"])):
                    proxy.mode = trouble
                    # Reports count against the caller's limit, which is kept in Redis; they get through all the same.
                    began = time.monotonic()
                    assert caller.report(outcome(f"{trouble}-{count}"))[0] == 200
                    assert time.monotonic() - began < REPORT_SECONDS_MAX
                    if over.wait(EACH_TROUBLE_SECONDS):
                        return

        with beside(troubles):
            decisions = assert_always_answered(service, EACH_TROUBLE_SECONDS * (len(TROUBLES) + 1))

        assert_untroubled(decisions)
        assert_all_recorded(service, decisions)


# ---- the learner


def test_every_signal_is_decided_while_the_worker_is_stopped_and_killed(tmp_path: Path) -> None:
    with quick_disk(tmp_path) as data, Service(tmp_path, ML_SERVICE_DATA_DIR=data, WORKERS="2") as service:
        worker = service.processes("worker")[0]

        worker.send_signal(signal.SIGSTOP)
        stopped = assert_always_answered(service, 1.5)
        worker.kill()
        killed = assert_always_answered(service, 1.5)

        assert_untroubled([*stopped, *killed])


# ---- SQLite and the disk


def test_every_signal_is_decided_while_another_process_holds_the_embedded_store(tmp_path: Path) -> None:
    with Service(tmp_path, WORKERS="2") as service:
        set_thresholds(service)
        await_health(service)

        with locked_by_another_process(tmp_path / "data" / "ml_service.db"):
            decisions = assert_always_answered(service, STALE_SECONDS)

        assert {decision["thresholds"]["rsi_threshold"] for decision in decisions} == {RSI_SET_BEFORE}
        assert_all_recorded(service, decisions)
        await_health(service)


def test_every_signal_is_decided_while_the_disk_is_full(tmp_path: Path, small_disk: Path) -> None:
    with Service(tmp_path, ML_SERVICE_DATA_DIR=str(small_disk), WORKERS="2") as service:
        set_thresholds(service)
        await_health(service)
        decisions = assert_always_answered(service, 0.5)
        web = service.web_worker()

        full(small_disk)
        within = assert_always_answered(service, 4.0)
        with Caller(service) as caller:
            refused = caller.report(outcome("no-room"))
            alive = caller.call("GET", "/health")
            metrics = service.client.get("/metrics").text
        (small_disk / "filling").unlink()
        await_decisions_undegraded(service)
        await_health(service)
        with Caller(service) as caller:
            taken = caller.report(outcome("room-again"))

        assert web.is_running()
        assert within[-1]["degraded"] == ["unrecorded"]
        assert refused[0] == 503, refused
        assert alive[0] == 200
        assert "ml_requests_total" in metrics
        assert taken[0] == 200
        assert_all_recorded(service, [*decisions, *within])


@pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)
@pytest.mark.parametrize("trouble", ["fail", "hang"])
def test_every_signal_is_decided_while_the_disk_fails_or_hangs(tmp_path: Path, trouble: str) -> None:
    with Syncs(tmp_path) as syncs, Service(tmp_path, WORKERS="2", **syncs.environment) as service:
        set_thresholds(service)
        await_health(service)

        getattr(syncs, trouble)()
        within = assert_always_answered(service, STALE_SECONDS)
        syncs.work()

        await_decisions_undegraded(service)
        assert "unrecorded" in within[-1]["degraded"]
        assert {decision["thresholds"]["rsi_threshold"] for decision in within} == {RSI_SET_BEFORE}
        assert_all_recorded(service, within)
        await_health(service)


# ---- what the tests stand on


Proxied = tuple[Service, TroubledProxy]
"""A service that reaches PostgreSQL through the proxy, for all troubles: each test waits until it has healed."""


@pytest.fixture(scope="module")
def behind_proxy(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    with proxied(postgres, tmp_path_factory.mktemp("trouble")) as both:
        yield both


@pytest.fixture(scope="module")
def patient_behind_proxy(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """For a test of what is answered, not of how soon: a slow disk leaves no decision unrecorded."""
    patience = {"ML_SERVICE__RECORDING__JOURNAL_WAIT_MS": "5000"}
    with proxied(postgres, tmp_path_factory.mktemp("patient"), **patience) as both:
        yield both


@contextlib.contextmanager
def proxied(postgres: PostgresServer, folder: Path, **environment: str) -> Iterator[Proxied]:
    direct = postgres.create_database(f"{folder.name}_{os.getpid()}", template="migrated")
    with (
        quick_disk(folder) as data,
        TroubledProxy(postgres.port) as proxy,
        Service(
            folder,
            "run",
            None,
            ML_SERVICE_DATA_DIR=data,
            DATABASE_URL=through(proxy, postgres, direct),
            **environment,
        ) as service,
    ):
        set_thresholds(service)
        until(lambda: told_by_all(service) == {()}, HEAL_SECONDS, "served by all")
        yield service, proxy


@pytest.fixture(autouse=True)
def healed(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that fails in the middle of the trouble leaves none behind for the next one."""
    yield
    for name in {"behind_proxy", "patient_behind_proxy"}.intersection(request.fixturenames):
        service, proxy = request.getfixturevalue(name)
        proxy.mode = "ok"
        await_health(service)


@contextlib.contextmanager
def quick_disk(otherwise: Path) -> Iterator[str]:
    """A folder in memory where there is one: a slow disk would look like the trouble that is tested."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else otherwise) as folder:
        yield folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(["mount", *options], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    # Lazily, for a killed process may still be on its way out.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def full(folder: Path) -> None:
    with (folder / "filling").open("wb", buffering=0) as filling, contextlib.suppress(OSError):
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    filling.write(bytes(size))


@contextlib.contextmanager
def locked_by_another_process(path: Path) -> Iterator[None]:
    program = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        yield
        # Leaving the block closes its input, at which it ends.


def set_thresholds(service: Service) -> None:
    with Caller(service) as caller:
        body = {"thresholds": {"rsi_threshold": RSI_SET_BEFORE}}
        status, told = caller.call("PUT", f"/api/v1/thresholds/{USER}", body)
        assert status == 200, told


def key_of(service: Service) -> str:
    """A new user's key, made before the service runs."""
    made = subprocess.run(
        [sys.executable, "-m", "ml_service", "keys", "create", "--scope", "user", "--user", USER],
        cwd=ROOT,
        env=service._variables(),
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout.splitlines()[-1]


def time_to_first_decision(service: Service, headers: dict[str, str]) -> float:
    began = time.monotonic()
    service.start()
    service.evaluate(USER, headers)
    return time.monotonic() - began


def await_kept_snapshot(service: Service) -> None:
    """Until this host's copy of the snapshot has what was set."""

    def is_kept() -> bool:
        with contextlib.closing(sqlite3.connect(service.folder / "data" / "snapshot.db")) as connection:
            rows = connection.execute("SELECT payload FROM rows WHERE kind = 'thresholds'").fetchall()
        return any(str(RSI_SET_BEFORE) in row[0] for row in rows)

    until(is_kept, 5.0, "kept on disk")


def await_stale(service: Service) -> None:
    until(lambda: told_by_all(service) == {("database_away",)}, STALE_SECONDS, "degraded")


def told_by_all(service: Service) -> set[tuple[str, ...]]:
    """What is degraded, asked over as many new connections as reach each of the web workers."""
    told = set()
    for _ in range(CONNECTIONS_TO_ALL):
        with Caller(service) as caller:
            told.add(tuple(caller.evaluate()[1]["data"]["degraded"]))
    return told


def through(proxy: TroubledProxy, postgres: PostgresServer, url: str) -> str:
    return url.replace(f":{postgres.port}/", f":{proxy.port}/")
