"""One worker leads; when it ends, however that happens, another takes over."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from ml_service.adapters.leader import FileLeader, PostgresLeader
from ml_service.adapters.store.database import Database, postgres_engine
from tests.servers import PostgresServer

SOON = 20.0
SPAWN = multiprocessing.get_context("spawn")

Make = Callable[[str], FileLeader | PostgresLeader]


def leader_over(where: str) -> FileLeader | PostgresLeader:
    if where.startswith("postgres"):
        return PostgresLeader(postgres_engine(where, None))
    return FileLeader(Path(where))


def lead(where: str, pipe: Connection) -> None:
    """The other process: answers every question with whether it leads."""
    leader = leader_over(where)
    while pipe.recv() == "?":
        pipe.send(leader.leads())


class Other:
    """A second worker in a process of its own."""

    def __init__(self, where: str) -> None:
        self._pipe, theirs = SPAWN.Pipe()
        self.process: BaseProcess = SPAWN.Process(target=lead, args=(where, theirs))
        self.process.start()

    def leads(self) -> bool:
        self._pipe.send("?")
        assert self._pipe.poll(SOON)
        return bool(self._pipe.recv())

    def kill(self) -> None:
        self.process.kill()
        self.process.join(SOON)


@pytest.fixture(params=["file", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "worker.lock") if request.param == "file" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def other(where: str) -> Iterator[Other]:
    started = Other(where)
    yield started
    started.kill()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_of_two_processes_one_leads(where: str, other: Other) -> None:
    mine = leader_over(where)

    answers = [other.leads(), mine.leads(), other.leads(), mine.leads()]

    assert answers == [True, False, True, False]
    mine.close()


def test_the_other_takes_over_when_the_leader_is_killed(where: str, other: Other) -> None:
    mine = leader_over(where)
    assert other.leads()
    assert not mine.leads()

    other.kill()

    until(mine.leads)
    mine.close()


def test_the_other_takes_over_when_the_leader_ends(where: str, other: Other) -> None:
    mine = leader_over(where)
    assert mine.leads()
    assert not other.leads()

    mine.close()

    until(other.leads)


def test_who_leads_goes_on_leading(where: str) -> None:
    mine = leader_over(where)

    assert [mine.leads() for _ in range(5)] == [True] * 5
    mine.close()


def test_a_leader_that_lost_its_connection_knows_it_and_comes_back(postgres_url: str) -> None:
    database = Database(postgres_url)
    mine = PostgresLeader(database.engine)
    assert mine.leads()
    with database.write() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )

    answers = [mine.leads() for _ in range(3)]

    assert answers[0] is False
    assert answers[-1] is True
    mine.close()
    database.close()


def test_with_the_database_away_nobody_leads_and_nobody_fails(postgres: PostgresServer, postgres_url: str) -> None:
    database = Database(postgres_url.replace(str(postgres.port), "1"))
    mine = PostgresLeader(database.engine)

    assert not mine.leads()

    mine.close()
    database.close()
