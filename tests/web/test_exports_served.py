"""Exports from the real server: a caller that reads slowly, or goes away, keeps no place and fills no memory."""

import socket
import time
from pathlib import Path

import orjson
from sqlalchemy import insert

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.database import Database
from tests.ports import HOST
from tests.service import Service

PLACES = 2
"""`server.slow_slots` as it comes."""
ROWS = 6_000


def fill(service: Service) -> None:
    """Some 12 MB to send, more than any buffer on the way takes."""
    move = {
        "parameter": "rsi_threshold",
        "before": 70.0,
        "after": 69.0,
        "target": 60.0,
        "bounded_by": "daily step",
        "flipped": 2,
        "on_the_way": None,
        "counterfactual_share": None,
        "sentence": "x" * 2_000,
    }
    row = {
        "user_id": "ada",
        "id": "a-1",
        "symbol": "*",
        "at_ms": 1,
        "verdict": "moved",
        "revision_before": 1,
        "revision": 2,
        "explanation": orjson.dumps({"moved": [move] * ROWS}).decode(),
    }
    database = Database(service.store_url)
    with database.write() as connection:
        connection.execute(insert(t.adaptations).values(row))
    database.close()


def test_a_caller_that_goes_away_gives_its_place_back(tmp_path: Path) -> None:
    with Service(tmp_path) as service:
        fill(service)
        path = "/api/v1/export/adaptations/ada"

        held = [socket.create_connection((HOST, service.port), timeout=5) for _ in range(PLACES)]
        for one in held:
            one.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            assert one.recv(12) == b"HTTP/1.1 200"
        # Half an answer each, and nobody reads on.
        assert service.client.get(path).status_code == 503
        for one in held:
            one.close()

        deadline = time.monotonic() + 10
        while (answer := service.client.get(path)).status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert answer.text.count("\r\n") == ROWS + 1
