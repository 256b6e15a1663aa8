"""P1: an outcome answered with 2xx survives `kill -9` of every process at any instant, exactly once."""

import contextlib
import random
import time
from pathlib import Path

import pytest

from tests.ports import is_free
from tests.safety.callers import Reporters, assert_each_counted_once, await_health, kept_in, store_of, until
from tests.servers import PostgresServer
from tests.service import Service

REPORTERS = 4
RESTART_SECONDS_MAX = 5.0
ACKNOWLEDGED_MIN = 20
"""A round in which hardly anything was acknowledged would prove nothing."""

ROUNDS = [2, pytest.param(20, marks=[pytest.mark.long, pytest.mark.timeout(1200)])]


@pytest.mark.parametrize("rounds", ROUNDS)
def test_acknowledged_outcomes_survive_the_kill_of_every_process_on_sqlite(tmp_path: Path, rounds: int) -> None:
    with Service(tmp_path, WORKERS="2") as service, Reporters(service, REPORTERS) as reporters:
        starts = [killed_and_started(service, reporters) for _ in range(rounds)]

    with service_again(service):
        kept = kept_in(store_of(service))

    assert max(starts) <= RESTART_SECONDS_MAX
    assert_each_counted_once(kept, reporters.sent, reporters.acknowledged)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_acknowledged_outcomes_survive_the_kill_of_every_process_and_of_postgres(
    tmp_path: Path, mortal_postgres: PostgresServer, postgres_url: str, rounds: int
) -> None:
    with (
        Service(tmp_path, DATABASE_URL=postgres_url) as service,
        Reporters(service, REPORTERS) as reporters,
    ):
        starts = [killed_and_started(service, reporters, mortal_postgres) for _ in range(rounds)]

    with service_again(service):
        kept = kept_in(postgres_url)

    assert max(starts) <= RESTART_SECONDS_MAX
    assert_each_counted_once(kept, reporters.sent, reporters.acknowledged)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_acknowledged_outcomes_survive_the_kill_of_single_web_workers(
    tmp_path: Path, postgres_url: str, rounds: int
) -> None:
    with (
        Service(tmp_path, DATABASE_URL=postgres_url, ML_SERVICE__SERVER__WORKERS="2") as service,
        Reporters(service, REPORTERS) as reporters,
    ):
        for _ in range(rounds):
            await_acknowledgements(reporters)
            time.sleep(random.uniform(0.0, 0.3))
            service.web_worker().kill()
        await_acknowledgements(reporters)
        assert service.process is not None
        assert service.process.poll() is None

    with service_again(service):
        kept = kept_in(postgres_url)

    assert_each_counted_once(kept, reporters.sent, reporters.acknowledged)


@pytest.fixture
def mortal_postgres(postgres: PostgresServer):
    """The server of the whole run, which a test may kill: it runs again afterwards."""
    yield postgres
    if not postgres.running:
        postgres.start()


def killed_and_started(service: Service, reporters: Reporters, postgres: PostgresServer | None = None) -> float:
    """Kill at a random moment under load, start again; the seconds to the first answer."""
    await_acknowledgements(reporters)
    time.sleep(random.uniform(0.0, 0.5))
    if postgres is not None:
        # Before, after, or in the very middle of the service's own end.
        first, second = random.sample([postgres.kill, service.kill], 2)
        first()
        time.sleep(random.choice([0.0, 0.4]))
        second()
        postgres.start()
    else:
        service.kill()
    until(lambda: is_free(service.port), 5.0, "ended to the last process")
    return service.start()


def await_acknowledgements(reporters: Reporters) -> None:
    enough = len(reporters.acknowledged) + ACKNOWLEDGED_MIN
    until(lambda: len(reporters.acknowledged) >= enough, 30.0, "under load again")


@contextlib.contextmanager
def service_again(service: Service):
    """The service after its last kill, once the journal has drained."""
    service.kill()
    with service:
        await_health(service)
        yield
