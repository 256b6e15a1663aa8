"""A database connection that behaves: transactions that say whether they write, and one kind of trouble."""

import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from ml_service.adapters.store.database import Database, Pooling, Writer
from ml_service.errors import StoreUnavailable
from tests.ports import free_port


@pytest.fixture
def table(database: Database) -> Database:
    with database.write() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS numbers")
        connection.exec_driver_sql("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
    return database


def numbers(database: Database) -> list[int]:
    with database.read() as connection:
        return [row[0] for row in connection.exec_driver_sql("SELECT n FROM numbers ORDER BY n")]


def test_a_write_is_there_once_its_block_has_ended(table: Database) -> None:
    with table.write() as connection:
        connection.exec_driver_sql("INSERT INTO numbers VALUES (1)")

    assert numbers(table) == [1]


def test_a_write_that_fails_leaves_nothing(table: Database) -> None:
    def write_twice() -> None:
        with table.write() as connection:
            connection.exec_driver_sql("INSERT INTO numbers VALUES (1)")
            connection.exec_driver_sql("INSERT INTO numbers VALUES (1)")

    with pytest.raises(IntegrityError):
        write_twice()

    assert numbers(table) == []


def test_a_writer_goes_on_after_a_failure_and_leaves_nothing_of_it(table: Database) -> None:
    writer = Writer(table)

    def insert(*given: int) -> None:
        with writer.write() as connection:
            for number in given:
                connection.exec_driver_sql(f"INSERT INTO numbers VALUES ({number})")

    insert(1)
    with pytest.raises(IntegrityError):
        insert(2, 1)
    insert(3)
    writer.close()

    assert numbers(table) == [1, 3]


def test_a_writer_on_sqlite_fetches_its_connection_once(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/store.db")
    fetched = []
    event.listen(database.engine, "checkout", lambda *given: fetched.append(given))
    writer = Writer(database)

    for _ in range(3):
        with writer.write() as connection:
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS numbers (n INTEGER)")

    assert len(fetched) == 1
    writer.close()
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # of a pool with a queue
    database.close()


def test_a_writer_outlives_the_server_s_end_of_its_connection(postgres_url: str) -> None:
    database = Database(postgres_url)
    writer = Writer(database)
    with writer.write() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with Database(postgres_url).write() as other:
        other.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")

    with writer.write() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
    database.close()


def test_a_read_on_sqlite_sees_one_moment(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/store.db")
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (n INTEGER)")

    with database.read() as connection:
        before = connection.exec_driver_sql("SELECT count(*) FROM numbers").scalar()
        with database.write() as other:
            other.exec_driver_sql("INSERT INTO numbers VALUES (1)")
        after = connection.exec_driver_sql("SELECT count(*) FROM numbers").scalar()

    assert (before, after) == (0, 0)
    assert numbers(database) == [1]
    database.close()


def test_writers_on_sqlite_take_turns_instead_of_failing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/store.db")
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE counter (n INTEGER)")
        connection.exec_driver_sql("INSERT INTO counter VALUES (0)")

    def count() -> None:
        for _ in range(20):
            with database.write() as connection:
                n = connection.exec_driver_sql("SELECT n FROM counter").scalar_one()
                connection.exec_driver_sql(f"UPDATE counter SET n = {n + 1}")

    threads = [threading.Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT n FROM counter").scalar() == 120
    database.close()


def test_a_server_that_is_not_there_is_unavailable_at_once() -> None:
    database = Database(f"postgresql+psycopg2://postgres@127.0.0.1:{free_port()}/x")
    began = time.monotonic()

    with pytest.raises(StoreUnavailable, match="not answering"), database.read():
        pass

    assert time.monotonic() - began < 2.0
    database.close()


def test_a_file_that_is_no_database_is_trouble_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"no database at all" * 100)
    database = Database(f"sqlite:///{tmp_path}/store.db")

    with pytest.raises(Exception, match="not a database"), database.read():
        pass

    database.close()


def test_a_statement_that_takes_too_long_is_given_up(postgres_url: str) -> None:
    database = Database(postgres_url, Pooling(answer_timeout_ms=200))
    began = time.monotonic()

    with pytest.raises(StoreUnavailable), database.read() as connection:
        connection.exec_driver_sql("SELECT pg_sleep(10)")

    assert time.monotonic() - began < 5.0
    database.close()


def test_a_lost_connection_is_replaced(postgres_url: str) -> None:
    database = Database(postgres_url)
    with database.read() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    other = Database(postgres_url)
    with other.write() as connection:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
    other.close()
    time.sleep(0.1)

    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one() != pid

    database.close()
