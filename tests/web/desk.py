"""The real web process behind Flask's test client, with the lines that it logs in reach."""

import itertools
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from flask import Flask
from prometheus_client import REGISTRY
from werkzeug.test import TestResponse

from ml_service.adapters.store.schema import MARKET
from ml_service.adapters.telemetry.logs import LineWriter
from ml_service.settings import load_settings
from ml_service.web.factory import create_app
from ml_service.web.wiring import WebProcess
from tests.migrated import migrated
from tests.service import SIGNAL as SIGNAL

ADMIN_KEY = "an-admin-key-for-tests"
ADMIN = {"X-Admin-Key": ADMIN_KEY}
USERS = (f"user-{number}" for number in itertools.count())
PROBLEM_FIELDS = {"success", "error", "type", "title", "status", "detail", "code", "retryable", "errors"}


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.text.append(record.getMessage())

    def of(self, request_id: str) -> list[dict[str, Any]]:
        """The lines of one request; they come a moment after its answer."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            whole = [orjson.loads(line) for text in self.text for line in text.splitlines()]
            if found := [line for line in whole if line.get("request_id") == request_id]:
                return found
            time.sleep(0.02)
        return []


class Desk:
    """Calls a web process as its callers would."""

    def __init__(self, process: WebProcess, app: Flask, lines: Lines) -> None:
        self.process = process
        self.app = app
        self.lines = lines

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
        media: str = "application/json",
    ) -> TestResponse:
        content = raw if raw is not None else orjson.dumps(body) if body is not None else None
        return self.app.test_client().open(
            path,
            method=method,
            data=content,
            headers=headers or {},
            content_type=media if content is not None else None,
        )

    def data(
        self, method: str, path: str, body: Any = None, status: int = 200, headers: dict[str, str] | None = None
    ) -> Any:
        """The data of an answer that must be a success."""
        answer = self.call(method, path, body, headers)
        assert answer.status_code == status, answer.text
        assert answer.content_type == "application/json"
        whole = orjson.loads(answer.data)
        assert set(whole) == {"success", "data"}
        assert whole["success"] is True
        return whole["data"]

    def admin(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        return self.data(method, path, body, status, ADMIN)

    def problem(
        self,
        status: int,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
        media: str = "application/json",
    ) -> dict[str, Any]:
        """The body of an answer that must be a problem of this status."""
        return problem_of(self.call(method, path, body, headers, raw, media), status)

    def evaluate(self, user: str, headers: dict[str, str] | None = None, **fields: Any) -> Any:
        return self.data("POST", f"/api/v1/evaluate/{user}", {"signal": {**SIGNAL, **fields}}, headers=headers)

    def stored_decisions(self, user: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.data("GET", f"/api/v1/decisions/{user}")["items"]
        return found

    def stored_outcomes(self, user: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.data("GET", f"/api/v1/outcomes/{user}")["items"]
        return found


def problem_of(answer: TestResponse, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    body: dict[str, Any] = orjson.loads(answer.data)
    assert set(body) == PROBLEM_FIELDS
    assert body["success"] is False
    assert body["status"] == status
    assert body["error"]
    assert body["retryable"] is (status in (408, 429, 503))
    assert all(set(one) == {"path", "message"} for one in body["errors"])
    assert "Traceback" not in answer.text
    return body


def variables(folder: Path) -> dict[str, str]:
    return {
        "ENVIRONMENT": "testing",
        "ML_SERVICE_DATA_DIR": str(folder / "data"),
        "ML_SERVICE_ADMIN_KEY": ADMIN_KEY,
        "ML_SERVICE_TRUSTED_NETWORK": "127.0.0.0/8",
        # A busy machine must not send decisions through the journal here.
        "ML_SERVICE__RECORDING__RECORD_WAIT_MS": "5000",
        "ML_SERVICE__RECORDING__OUTCOME_WAIT_MS": "5000",
    }


@contextmanager
def opened(folder: Path, **environ: str) -> Iterator[Desk]:
    """A web process on an embedded store; callers on this host have service scope, the operator the admin key."""
    settings = load_settings({**variables(folder), **environ})
    migrated(settings.database_url)
    migrated(settings.market_url, MARKET)
    lines = Lines()
    writer = LineWriter(lines, as_json=True, process="web")
    known = set(REGISTRY._collector_to_names)
    process = WebProcess(settings, writer)
    # A second process in this interpreter would count under the same names.
    for collector in set(REGISTRY._collector_to_names) - known:
        REGISTRY.unregister(collector)
    process.start()
    try:
        yield Desk(process, create_app(process.parts), lines)
    finally:
        process.close()
        writer.close()
