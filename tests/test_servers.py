"""The servers and the proxy that other tests rely on do what those tests believe they do."""

import contextlib
import os
import select
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import psycopg2
import pytest
import redis

from tests.ports import HOST, free_port
from tests.servers import PostgresServer, RedisServer, TroubledProxy
from tests.troubled_proxy import Mode

WAIT_S = 5.0
"""Far beyond what a working answer takes on a busy machine."""
SILENCE_S = 0.3
"""Nothing coming back for this long counts as silence; a working answer takes about a millisecond."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
def cache() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url.replace("+psycopg2", ""), connect_timeout=5)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def test_postgres_answers_sql(postgres: PostgresServer) -> None:
    assert query(postgres.url, "SELECT 1 + 1") == [(2,)]


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_postgres_has_its_safe_defaults(postgres: PostgresServer, setting: str) -> None:
    assert query(postgres.url, f"SHOW {setting}") == [("on",)]


def test_postgres_never_runs_as_root(postgres: PostgresServer) -> None:
    assert {process.uids().effective for process in postgres.family()}.isdisjoint({0})


def test_a_database_is_cloned_with_its_rows(postgres: PostgresServer) -> None:
    original = postgres.create_database("original")
    query(original, "CREATE TABLE kept AS SELECT 7 AS n")

    copy = postgres.create_database("copy", template="original")

    assert query(copy, "SELECT n FROM kept") == [(7,)]


def test_a_killed_postgres_comes_back_with_its_committed_rows(postgres: PostgresServer) -> None:
    url = postgres.create_database("survivor")
    query(url, "CREATE TABLE kept (n integer)")
    query(url, "INSERT INTO kept SELECT generate_series(1, 1000)")
    family = postgres.family()

    postgres.kill()
    with pytest.raises(psycopg2.OperationalError):
        query(url, "SELECT 1")
    postgres.start()

    assert len(family) > 1
    assert not any(process.is_running() and process.status() != "zombie" for process in family)
    assert query(url, "SELECT count(*) FROM kept") == [(1000,)]


def test_a_stopped_postgres_starts_again_on_its_port(postgres: PostgresServer) -> None:
    url = postgres.url

    postgres.stop()
    assert not postgres.running
    postgres.start()

    assert postgres.url == url
    assert query(url, "SELECT 1") == [(1,)]


def test_a_paused_postgres_is_silent_until_it_is_resumed(postgres: PostgresServer) -> None:
    connection = psycopg2.connect(postgres.url.replace("+psycopg2", ""))
    answered = threading.Event()

    def ask() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        answered.set()

    thread = threading.Thread(target=ask)
    postgres.pause()
    try:
        thread.start()
        assert not answered.wait(SILENCE_S)
    finally:
        postgres.resume()

    assert answered.wait(WAIT_S)
    thread.join()
    connection.close()


def test_redis_answers_and_forgets_everything_when_killed(cache: RedisServer) -> None:
    with redis.Redis.from_url(cache.url) as client:
        client.set("key", "value")
        assert client.get("key") == b"value"

        cache.kill()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        cache.start()

        assert client.get("key") is None


def test_a_paused_redis_is_silent_until_it_is_resumed(cache: RedisServer) -> None:
    with redis.Redis.from_url(cache.url, socket_timeout=SILENCE_S) as client:
        client.ping()
        cache.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        cache.resume()
        assert client.ping()


def test_a_closed_server_leaves_no_process_and_no_folder() -> None:
    with RedisServer() as server:
        family = server.family()
        folder = server.folder

    assert not any(process.is_running() for process in family)
    assert not folder.exists()


def test_a_stranger_on_the_port_is_not_taken_for_the_server() -> None:
    with RedisServer() as first:
        second = RedisServer()
        second.port = first.port
        with pytest.raises(RuntimeError, match="taken by another process"):
            second.start()
        second.close()


def test_a_server_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    server = RedisServer()
    monkeypatch.setattr(server, "command", lambda: [*RedisServer.command(server), "--no-such-option", "1"])

    with pytest.raises(RuntimeError, match="no-such-option"):
        server.start()

    server.close()


class Echo(socketserver.ThreadingTCPServer):
    """Sends back what it gets, and remembers it."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        self.port = free_port()
        self.received = bytearray()
        self.ended = threading.Event()
        super().__init__((HOST, self.port), EchoHandler)


class EchoHandler(socketserver.BaseRequestHandler):
    server: Echo

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            while data := self.request.recv(4096):
                self.server.received += data
                self.request.sendall(data)
        self.server.ended.set()


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[TroubledProxy]:
    with TroubledProxy(echo.port) as proxy:
        yield proxy


def connect(proxy: TroubledProxy) -> socket.socket:
    return socket.create_connection((HOST, proxy.port), timeout=WAIT_S)


def exchange(connection: socket.socket, message: bytes, timeout_s: float = WAIT_S) -> bytes:
    """The answer, as long as the message; shorter when the connection ended before."""
    connection.settimeout(timeout_s)
    connection.sendall(message)
    answer = b""
    while len(answer) < len(message) and (data := connection.recv(4096)):
        answer += data
    return answer


def test_the_proxy_passes_everything_on(proxy: TroubledProxy) -> None:
    message = os.urandom(100_000)
    with connect(proxy) as connection:
        sender = threading.Thread(target=connection.sendall, args=(message,))
        sender.start()
        answer = b""
        while len(answer) < len(message):
            answer += connection.recv(65536)
        sender.join()

    assert answer == message


def test_the_end_of_a_stream_passes_through(proxy: TroubledProxy) -> None:
    with connect(proxy) as connection:
        assert exchange(connection, b"hello") == b"hello"
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


def test_the_server_hears_of_a_client_that_was_killed_with_an_answer_unread(proxy: TroubledProxy, echo: Echo) -> None:
    with connect(proxy) as connection:
        connection.sendall(b"hello")
        select.select([connection], [], [], WAIT_S)

    # The kernel says so with a reset, not with an end.
    assert echo.ended.wait(WAIT_S)


def test_refused_listens_no_more_and_ends_what_was_open(proxy: TroubledProxy) -> None:
    with connect(proxy) as connection:
        exchange(connection, b"hello")
        proxy.mode = "refused"
        assert connection.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)


def test_reset_resets_open_and_new_connections(proxy: TroubledProxy) -> None:
    with connect(proxy) as connection:
        exchange(connection, b"hello")
        proxy.mode = "reset"
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with pytest.raises(ConnectionResetError), connect(proxy) as connection:
        connection.recv(1)


def test_silent_passes_nothing_until_the_mode_changes(proxy: TroubledProxy, echo: Echo) -> None:
    with connect(proxy) as before:
        exchange(before, b"hello")
        proxy.mode = "silent"
        with connect(proxy) as after:
            for connection in (before, after):
                with pytest.raises(TimeoutError):
                    exchange(connection, b"anyone?", SILENCE_S)
            assert echo.received == b"hello"

            proxy.mode = "ok"

            for connection in (before, after):
                connection.settimeout(WAIT_S)
                assert connection.recv(4096) == b"anyone?"


def test_half_open_delivers_requests_and_loses_the_answers(proxy: TroubledProxy, echo: Echo) -> None:
    with connect(proxy) as before:
        exchange(before, b"hello")
        proxy.mode = "half_open"
        with connect(proxy) as after:
            for connection in (before, after):
                with pytest.raises(TimeoutError):
                    exchange(connection, b"lost", SILENCE_S)
            assert echo.received == b"hellolostlost"

            proxy.mode = "ok"

            # A stream never has a hole: these two stay mute, the next one is well.
            with pytest.raises(TimeoutError):
                exchange(before, b"still there?", SILENCE_S)
    with connect(proxy) as connection:
        assert exchange(connection, b"again") == b"again"


def test_delay_adds_two_seconds_in_each_direction(proxy: TroubledProxy) -> None:
    proxy.mode = "delay"
    with connect(proxy) as connection:
        began = time.monotonic()
        assert exchange(connection, b"hello") == b"hello"

    assert time.monotonic() - began >= 4.0


def test_trickle_sends_the_answer_byte_by_byte(proxy: TroubledProxy) -> None:
    proxy.mode = "trickle"
    with connect(proxy) as connection:
        began = time.monotonic()
        connection.sendall(b"0123456789")
        pieces = [connection.recv(4096) for _ in range(10)]

    assert pieces == [b"%d" % digit for digit in range(10)]
    assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize("trouble", ["refused", "reset", "silent", "half_open", "delay", "trickle"])
def test_every_trouble_heals_for_new_connections(proxy: TroubledProxy, trouble: Mode) -> None:
    proxy.mode = trouble
    proxy.mode = "ok"

    with connect(proxy) as connection:
        began = time.monotonic()
        assert exchange(connection, b"hello") == b"hello"

    assert time.monotonic() - began < 1.0


def test_a_proxy_without_a_server_behind_it_hangs_up() -> None:
    with TroubledProxy(free_port()) as proxy, connect(proxy) as connection:
        assert connection.recv(1) == b""


def test_a_closed_proxy_leaves_no_thread() -> None:
    threads = threading.active_count()
    with TroubledProxy(free_port()) as proxy, connect(proxy):
        proxy.mode = "silent"

    assert threading.active_count() == threads


def test_postgres_works_through_the_proxy(postgres: PostgresServer) -> None:
    with TroubledProxy(postgres.port) as proxy:
        url = postgres.url.replace(f":{postgres.port}/", f":{proxy.port}/")

        assert query(url, "SELECT 1") == [(1,)]
        proxy.mode = "reset"
        with pytest.raises(psycopg2.OperationalError):
            query(url, "SELECT 1")
