"""A body that never comes, on both servers."""

import socket
import threading
import time
from pathlib import Path

import pytest

from tests.ports import HOST
from tests.service import Service

SECONDS_MAX = 1.0
HEAD = "POST /api/v1/{route}/ada HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"


def opened(port: int, route: str) -> socket.socket:
    connection = socket.create_connection((HOST, port), timeout=10)
    connection.sendall(HEAD.format(route=route).encode() + b'{"signal": {"symbol": "BTCUSDT"')
    return connection


@pytest.mark.parametrize("server", ["granian", "gunicorn"])
@pytest.mark.parametrize("route", ["evaluate", "outcomes"])
def test_a_body_that_stops_in_the_middle_is_refused_in_time(tmp_path: Path, server: str, route: str) -> None:
    with Service(tmp_path, ML_SERVICE_SERVER=server, ML_SERVICE__SERVER__BODY_SECONDS_MAX=str(SECONDS_MAX)) as service:
        began = time.monotonic()
        with opened(service.port, route) as connection:
            answer = connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in answer
    assert SECONDS_MAX <= time.monotonic() - began < SECONDS_MAX + 4


@pytest.mark.parametrize("server", ["granian", "gunicorn"])
def test_a_body_that_trickles_for_ever_is_refused_in_time(tmp_path: Path, server: str) -> None:
    with Service(tmp_path, ML_SERVICE_SERVER=server, ML_SERVICE__SERVER__BODY_SECONDS_MAX=str(SECONDS_MAX)) as service:
        stop = threading.Event()
        with opened(service.port, "evaluate") as connection:

            def trickle() -> None:
                while not stop.wait(0.1):
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        return

            sender = threading.Thread(target=trickle)
            sender.start()
            answer = connection.recv(65536)
            stop.set()
            sender.join()

    assert answer.startswith(b"HTTP/1.1 400")


def test_connections_that_only_rest_are_left_alone(tmp_path: Path) -> None:
    with Service(tmp_path, ML_SERVICE__SERVER__BODY_SECONDS_MAX=str(SECONDS_MAX)) as service:
        service.evaluate()
        resting = service.client

        with opened(service.port, "evaluate") as connection:
            connection.recv(65536)
            time.sleep(SECONDS_MAX)

        # The pool has one connection, opened before; it is used again rather than replaced.
        assert resting.get("/livez").status_code == 200
