"""P14: the kill switch works."""

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.load import Answer, http_request, run_load
from tests.safety.callers import query, until
from tests.servers import PostgresServer, TroubledProxy
from tests.service import SIGNAL, Service

ADMIN_KEY = "the-admin-key-of-this-test"
ADMIN = {"X-Admin-Key": ADMIN_KEY}
KEYS = {"ML_SERVICE_ADMIN_KEY": ADMIN_KEY, "ML_SERVICE_TRUSTED_NETWORK": "127.0.0.0/8"}
"""Calls without a key have service scope, as the bot in its private network has."""
EFFECTIVE_SECONDS = 1.0
EVALUATE = http_request("/api/v1/evaluate/ada", {"signal": SIGNAL})


@pytest.fixture(params=["sqlite", "postgres"])
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """The service with an admin key: embedded, or with two web workers on PostgreSQL."""
    more: dict[str, str] = {}
    if request.param == "postgres":
        more = {"DATABASE_URL": request.getfixturevalue("postgres_url"), "WORKERS": "2"}
    with Service(tmp_path, "run", None, **KEYS, **more) as running:
        yield running


def test_it_is_effective_in_every_worker_within_a_second_under_load(guarded: Service) -> None:
    with decisions_watched(guarded) as seen:
        time.sleep(0.5)
        turned_at = time.perf_counter()
        turn(guarded, on=True)
        time.sleep(EFFECTIVE_SECONDS + 0.5)

    before = [code for asked_at, code in seen if asked_at < turned_at - 0.1]
    after = [code for asked_at, code in seen if asked_at > turned_at + EFFECTIVE_SECONDS]
    assert set(before) == {"taken"}
    assert set(after) == {"kill_switch"}
    assert len(after) > 50
    assert all(code(guarded, reduce_only=True) != "kill_switch" for _ in range(20))


def test_it_survives_kill_9_and_only_an_admin_turns_it_off(guarded: Service) -> None:
    turn(guarded, on=True)

    guarded.kill()
    guarded.start()

    assert {code(guarded) for _ in range(20)} == {"kill_switch"}
    assert turn(guarded, on=False, expected=403) is None
    assert code(guarded) == "kill_switch"
    turn(guarded, on=False, headers=ADMIN)
    soon(lambda: {code(guarded) for _ in range(20)} == {"taken"})
    guarded.kill()
    guarded.start()
    assert {code(guarded) for _ in range(20)} == {"taken"}


def test_a_user_s_own_switch_stops_that_user_alone(guarded: Service) -> None:
    turn(guarded, on=True, user_id="ada")

    soon(lambda: {code(guarded, "ada") for _ in range(20)} == {"kill_switch"})
    assert {code(guarded, "eve") for _ in range(20)} == {"taken"}
    assert code(guarded, "ada", reduce_only=True) != "kill_switch"


def test_it_works_with_the_database_away_and_the_database_hears_of_it_later(
    tmp_path: Path, postgres: PostgresServer, postgres_url: str
) -> None:
    with (
        proxied(postgres, postgres_url) as (proxy, url),
        Service(tmp_path, "run", None, **KEYS, DATABASE_URL=url) as service,
    ):
        assert code(service) == "taken"
        proxy.mode = "refused"
        soon(lambda: "database_away" in service.evaluate()["degraded"], 5.0)
        # The database being away stops nobody.
        assert code(service) == "taken"

        told = turn(service, on=True)

        assert told is not None
        assert told["stored"] == "local"
        soon(lambda: {code(service) for _ in range(20)} == {"kill_switch"})
        assert code(service, reduce_only=True) != "kill_switch"
        service.kill()
        service.start()
        assert {code(service) for _ in range(20)} == {"kill_switch"}
        assert switches_in(postgres_url) == {}
        proxy.mode = "ok"
        until(lambda: switches_in(postgres_url) == {"*": True}, 10.0, "told to the database")
        assert code(service) == "kill_switch"


@pytest.mark.parametrize("damage", ["garbage", "wrong_shape", "empty", "folder"])
def test_a_kill_file_that_cannot_be_read_counts_as_on_for_new_risk(tmp_path: Path, damage: str) -> None:
    with Service(tmp_path, "run", None, **KEYS) as service:
        turn(service, on=True)
        turn(service, on=False, headers=ADMIN)
        soon(lambda: code(service) == "taken")
        file = tmp_path / "data" / "kill_switch.json"
        sound = file.read_bytes()

        damaged(file, damage)

        soon(lambda: code(service) == "kill_switch")
        assert code(service, reduce_only=True) != "kill_switch"
        service.kill()
        service.start()
        assert code(service) == "kill_switch"
        restore(file, sound)
        soon(lambda: code(service) == "taken")


def test_an_admin_puts_a_damaged_kill_file_right_by_turning_the_switch_off(tmp_path: Path) -> None:
    with Service(tmp_path, "run", None, **KEYS) as service:
        turn(service, on=True)
        (tmp_path / "data" / "kill_switch.json").write_bytes(b"\x00garbage")
        soon(lambda: code(service) == "kill_switch")

        turn(service, on=False, headers=ADMIN)

        soon(lambda: code(service) == "taken")


def test_turned_on_at_one_host_it_is_effective_at_the_other_within_a_second(tmp_path: Path, postgres_url: str) -> None:
    with two_hosts(tmp_path, postgres_url) as (here, there):
        with decisions_watched(there) as seen:
            time.sleep(0.3)
            turned_at = time.perf_counter()
            turn(here, on=True)
            time.sleep(EFFECTIVE_SECONDS + 0.5)
        after = {code for asked_at, code in seen if asked_at > turned_at + EFFECTIVE_SECONDS}

        turn(there, on=False, headers=ADMIN)

        assert after == {"kill_switch"}
        soon(lambda: code(here) == code(there) == "taken")


def test_on_is_on_at_every_host_though_their_clocks_disagree(tmp_path: Path, postgres_url: str) -> None:
    now_ms = time.time_ns() // 1_000_000
    ahead = {"X-Test-Time": str(now_ms + 3_600_000)}
    with two_hosts(tmp_path, postgres_url) as (here, there):
        turn(there, on=True, headers=ahead)
        turn(there, on=False, headers={**ADMIN, **ahead})
        soon(lambda: code(here) == code(there) == "taken")

        turn(here, on=True)

        soon(lambda: code(here) == code(there) == "kill_switch")
        # An hour behind the one who turned it on, an admin can still turn it off.
        turn(there, on=True, headers=ahead)
        turn(here, on=False, headers=ADMIN)
        soon(lambda: code(here) == code(there) == "taken")


def turn(service: Service, *, on: bool, expected: int = 200, headers: dict[str, str] | None = None, **body: Any) -> Any:
    """What the service says it did; None where it was refused."""
    answer = service.client.post(
        "/api/v1/kill-switch", json={"on": on, "reason": "a test", **body}, headers=headers or {}
    )
    assert answer.status_code == expected, answer.text
    return answer.json()["data"] if expected == 200 else None


def code(service: Service, user: str = "ada", **fields: Any) -> str:
    decided = service.evaluate(user, **fields)
    assert decided["should_trade"] is (decided["decision"] == "take")
    return "taken" if decided["should_trade"] else str(decided["code"])


def soon(true: Callable[[], bool], seconds: float = EFFECTIVE_SECONDS) -> None:
    until(true, seconds, "so")


@contextlib.contextmanager
def decisions_watched(service: Service) -> Iterator[list[tuple[float, str]]]:
    """Many callers, each of whose requests is noted with the moment it was sent and what came of it."""
    seen: list[tuple[float, str]] = []

    def note(answer: Answer) -> str:
        came = "kill_switch" if b'"code":"kill_switch"' in answer.body else "other"
        came = "taken" if b'"should_trade":true' in answer.body else came
        seen.append((time.perf_counter() - answer.seconds, came))
        return came

    stop = threading.Event()

    def call() -> None:
        run_load(service.port, EVALUATE, connections=16, seconds=30.0, classify=note, stop=stop)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def two_hosts(folder: Path, url: str) -> Iterator[tuple[Service, Service]]:
    with (
        Service(folder / "here", "run", None, **KEYS, DATABASE_URL=url, WORKERS="1") as here,
        Service(folder / "there", "run", None, **KEYS, DATABASE_URL=url, WORKERS="1") as there,
    ):
        yield here, there


@contextlib.contextmanager
def proxied(postgres: PostgresServer, url: str) -> Iterator[tuple[TroubledProxy, str]]:
    with TroubledProxy(postgres.port) as proxy:
        yield proxy, url.replace(f":{postgres.port}/", f":{proxy.port}/")


def switches_in(url: str) -> dict[str, bool]:
    return {row[0]: bool(row[1]) for row in query(url, 'SELECT user_id, "on" FROM kill_switches')}


def damaged(file: Path, damage: str) -> None:
    match damage:
        case "garbage":
            file.write_bytes(b"\x00\xff not json")
        case "wrong_shape":
            file.write_bytes(b'{"*": {"kill": 1}}')
        case "empty":
            file.write_bytes(b"")
        case "folder":
            file.unlink()
            file.mkdir()


def restore(file: Path, content: bytes) -> None:
    if file.is_dir():
        shutil.rmtree(file)
    file.write_bytes(content)
