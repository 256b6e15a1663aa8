"""P1b: an outcome answered with 2xx survives a power cut: a sync of its file precedes every acknowledgement."""

import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest

from tests.ports import HOST
from tests.safety.callers import Caller, await_health, kept_in, outcome, store_of
from tests.safety.syncs import COMPILER, NO_COMPILER, Syncs
from tests.servers import PostgresServer
from tests.service import Service

needs_compiler = pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)

MAIN_FILE = "ml_service.db-wal"
JOURNAL_FILE = "journal.db-wal"
TOKEN = "mls_watch_sesame-open"


@pytest.fixture
def syncs(tmp_path: Path) -> Iterator[Syncs]:
    with Syncs(tmp_path) as opened:
        yield opened


@needs_compiler
def test_every_acknowledgement_follows_a_sync_of_its_own(tmp_path: Path, syncs: Syncs) -> None:
    with Service(tmp_path, **syncs.environment) as service, Caller(service) as caller:
        # The worker is not asked to sync anything meanwhile: what is counted belongs to the posts.
        for process in service.processes("worker"):
            process.suspend()
        await_health(service)
        counts = [syncs.count]
        for number in range(20):
            status, told = caller.report(outcome(f"t{number}"))
            assert (status, told["data"]["stored"]) == (200, "database")
            counts.append(syncs.count)

    assert all(before < after for before, after in itertools.pairwise(counts)), counts


@needs_compiler
def test_no_acknowledgement_comes_while_the_sync_hangs(tmp_path: Path, syncs: Syncs) -> None:
    with Service(tmp_path, **syncs.environment) as service, Caller(service) as caller:
        await_health(service)
        with ThreadPoolExecutor(1) as pool:
            syncs.hang()
            answer = pool.submit(caller.report, outcome("held"))
            time.sleep(1.5)
            answered_without_sync = answer.done()
            syncs.work()
            status, told = answer.result(10)
        await_health(service)

        assert not answered_without_sync
        assert status == 200, told
        assert kept_in(store_of(service)).rows == [("held", 1.0)]


@needs_compiler
def test_a_failing_sync_of_the_store_sends_the_outcome_to_the_journal_which_is_synced(
    tmp_path: Path, syncs: Syncs
) -> None:
    with Service(tmp_path, **syncs.environment) as service, Caller(service) as caller:
        await_health(service)
        syncs.fail(MAIN_FILE)
        before = syncs.count
        status, told = caller.report(outcome("t1"))
        after = syncs.count
        syncs.work()
        await_health(service)

        assert status == 200, told
        assert told["data"]["stored"] == "journal"
        assert after > before
        kept = kept_in(store_of(service))
        assert kept.rows == [("t1", 1.0)]
        assert kept.effects == {"t1": 1}


@needs_compiler
def test_failing_syncs_give_503_and_never_an_acknowledgement(tmp_path: Path, syncs: Syncs) -> None:
    with Service(tmp_path, **syncs.environment) as service, Caller(service) as caller:
        await_health(service)
        assert caller.report(outcome("before"))[0] == 200
        syncs.fail()
        answers = [caller.report(outcome(f"during-{number}")) for number in range(5)]
        answers.append(caller.report([outcome("during-list-1"), outcome("during-list-2")]))
        alive = caller.call("GET", "/livez")[0]
        syncs.work()
        await_health(service)
        # The caller repeats what was refused; whether it had reached the store all the same makes no difference.
        repeated = [caller.report(outcome(f"during-{number}")) for number in range(5)]
        await_health(service)
        kept = kept_in(store_of(service))

    assert [status for status, _ in answers] == [503] * 6, answers
    assert all(told["success"] is False and told["retryable"] is True for _, told in answers)
    assert alive == 200
    assert [status for status, _ in repeated] == [200] * 5, repeated
    counted = {"before", *(f"during-{number}" for number in range(5))}
    stored = [trade_id for trade_id, _ in kept.rows]
    assert len(stored) == len(set(stored))
    assert counted <= set(stored) <= {*counted, "during-list-1", "during-list-2"}
    assert kept.effects == dict.fromkeys(stored, 1)


@needs_compiler
def test_while_postgres_is_away_a_failing_sync_of_the_journal_gives_503(
    tmp_path: Path, syncs: Syncs, postgres: PostgresServer, postgres_url: str
) -> None:
    with Service(tmp_path, DATABASE_URL=postgres_url, **syncs.environment) as service, Caller(service) as caller:
        await_health(service)
        postgres.stop()
        try:
            kept_while_away = caller.report(outcome("kept"))
            syncs.fail(JOURNAL_FILE)
            refused = caller.report(outcome("refused"))
            syncs.work()
        finally:
            postgres.start()
        await_health(service)
        stored = dict(kept_in(postgres_url).rows)

    assert kept_while_away[0] == 200
    assert kept_while_away[1]["data"]["stored"] == "journal"
    assert refused[0] == 503, refused
    assert stored == {"kept": 1.0}


@pytest.mark.parametrize("flaw", ["fsync", "full_page_writes"])
def test_a_postgres_that_would_lose_rows_in_a_power_cut_shows_in_health(
    tmp_path: Path, postgres: PostgresServer, postgres_url: str, flaw: str
) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps([{"id": "watch", "secret": "sesame-open", "scope": "service"}]))
    change_server(postgres, f"ALTER SYSTEM SET {flaw} = off")
    try:
        with (
            Service(tmp_path, DATABASE_URL=postgres_url, ML_SERVICE_API_KEYS_FILE=str(keys)) as service,
            Caller(service) as caller,
        ):
            full = caller.call("GET", "/health", headers={"X-API-Key": TOKEN})[1]["data"]
            short = caller.call("GET", "/health")[1]["data"]
    finally:
        change_server(postgres, f"ALTER SYSTEM RESET {flaw}")

    assert full["durability"] == [f"{flaw} is off"]
    assert full["status"] == short["status"] == "degraded"
    assert "durability" in short["degraded"]


def test_a_role_whose_commits_are_not_synced_by_default_is_overruled(
    tmp_path: Path, postgres: PostgresServer, postgres_url: str
) -> None:
    change_server(postgres, "ALTER SYSTEM SET synchronous_commit = off")
    try:
        with Service(tmp_path, DATABASE_URL=postgres_url) as service, Caller(service) as caller:
            health = caller.call("GET", "/health")[1]["data"]
    finally:
        change_server(postgres, "ALTER SYSTEM RESET synchronous_commit")

    # The service asks for synced commits on every connection of its own, so there is no flaw to report.
    assert health["degraded"] == []


def change_server(postgres: PostgresServer, statement: str) -> None:
    connection = psycopg2.connect(host=HOST, port=postgres.port, user="postgres", dbname="postgres")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            cursor.execute("SELECT pg_reload_conf()")
    finally:
        connection.close()
    # The server's processes read the new setting when they next turn to a client.
    time.sleep(0.3)
