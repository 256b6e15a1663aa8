"""P11: no bytes whatever cause a 5xx, a trace or a hang."""

import contextlib
import gzip
import importlib
import json
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from pydantic import BaseModel
from sqlalchemy import func, select

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.tables import metadata
from ml_service.errors import InvalidInput
from ml_service.web import schemas
from ml_service.web.openapi import PROBLEM
from ml_service.web.schemas.checking import checked
from ml_service.web.schemas.outcomes import outcome_from
from ml_service.web.schemas.signals import asked_from
from ml_service.web.wire import iso, symbol_of, time_of, user_of
from tests.raw_http import Answer, exchange, request
from tests.servers import PostgresServer
from tests.service import Service

EVALUATE = "/api/v1/evaluate/ada"
SIGNAL = b'{"signal": {"symbol": "BTCUSDT", "action": "BUY", "confidence": 0.9}}'
JSON = (("Content-Type", "application/json"),)

WRITES = (
    ("POST", EVALUATE),
    ("POST", "/evaluate"),
    ("POST", "/api/v1/evaluate/ada/batch"),
    ("POST", "/api/v1/outcomes/ada"),
    ("PUT", "/api/v1/thresholds/ada"),
    ("POST", "/api/v1/thresholds/ada/reset"),
    ("POST", "/api/v1/kill-switch"),
    ("POST", "/api/v1/admin/keys"),
    ("POST", "/api/v1/admin/keys/abc/rotate"),
)
"""Every route that takes a body. With the admin key, so that the bytes reach the parser."""

ADMIN = "admin-key-for-tests"


@pytest.fixture(scope="module", params=["granian", "gunicorn", "granian-postgres"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    server, _, database = request.param.partition("-")
    environment: dict[str, Any] = {
        "ML_SERVICE_SERVER": server,
        "ML_SERVICE_ADMIN_KEY": ADMIN,
        "RATE_LIMIT_PER_MINUTE": "1000000",
    }
    environment["RATE_LIMIT_PER_MINUTE"] = "1000000"
    if database:
        postgres: PostgresServer = request.getfixturevalue("postgres")
        environment["DATABASE_URL"] = postgres.create_database("nasty_bytes", template="migrated")
    with Service(tmp_path_factory.mktemp(request.param), **environment) as service:
        yield service


@pytest.fixture(scope="module", params=["granian", "gunicorn"])
def embedded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    environment: dict[str, Any] = {"ML_SERVICE_SERVER": request.param, "ML_SERVICE_ADMIN_KEY": ADMIN}
    with Service(tmp_path_factory.mktemp(f"{request.param}-wire"), **environment) as service:
        yield service


# ---- what every answer must be


def check(answer: Answer, sent: bytes) -> None:
    """No 5xx but a 503 that says when to come back; no HTML; no trace; refusals carry the whole problem."""
    told = f"{answer.status} {answer.headers} {answer.body[:300]!r} to {sent[:300]!r}"
    assert answer.status < 500 or (answer.status == 503 and answer.header("retry-after")), told
    assert not 300 <= answer.status < 400, told
    assert b"Traceback" not in answer.body, told
    assert b'File "' not in answer.body, told
    assert b"<html" not in answer.body.lower(), told
    assert "html" not in (answer.header("content-type") or ""), told
    if answer.status >= 400 and answer.body:
        assert answer.header("content-type") == "application/problem+json", told
        problem = answer.json()
        assert set(PROBLEM["required"]) <= set(problem), told
        assert problem["success"] is False, told
        assert problem["status"] == answer.status, told


def rows(service: Service) -> dict[str, int]:
    """How many rows each table holds."""
    database = Database(service.store_url)
    try:
        with database.read() as connection:
            return {
                name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for name, table in metadata.tables.items()
            }
    finally:
        database.close()


# ---- bodies that every route refuses

NEVER_JSON: Mapping[str, bytes] = {
    "empty": b"",
    "blank": b" \r\n\t ",
    "not json": b"hello",
    "half an object": b'{"signal": {"symbol": "BTC"',
    "two objects": SIGNAL + SIGNAL,
    "trailing comma": b'{"a": 1,}',
    "single quotes": b"{'a': 1}",
    "comment": b'{"a": 1} // no',
    "NaN": b'{"signal": {"confidence": NaN}, "pnl": NaN, "thresholds": {"rsi_threshold": NaN}}',
    "Infinity": b'{"signal": {"confidence": Infinity}}',
    "minus Infinity": b'{"signal": {"confidence": -Infinity}}',
    "1e400": b'{"signal": {"confidence": 1e400}, "pnl": 1e400}',
    "-1e400": b'{"signal": {"confidence": -1e400}}',
    "500 digits": b'{"signal": {"volume": ' + b"9" * 500 + b"}}",
    "bytes ff fe": b"\xff\xfe\x00",
    "invalid UTF-8 in a text": b'{"signal": {"symbol": "\xff\xfe"}}',
    "overlong UTF-8": b'{"signal": {"symbol": "\xc0\xaf"}}',
    "UTF-8 surrogate": b'{"signal": {"symbol": "\xed\xa0\x80"}}',
    "UTF-16": SIGNAL.decode().encode("utf-16"),
    "UTF-8 with a mark": b"\xef\xbb\xbf" + SIGNAL,
    "lone surrogate": b'{"signal": {"symbol": "\\ud800"}, "trade_id": "\\udfff"}',
    "surrogate as a name": b'{"\\ud800": 1}',
    "raw NUL": b'{"signal": {"symbol": "a\x00b"}}',
    "only NULs": b"\x00" * 1000,
    "deep arrays": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "deep and open": b"[" * 200_000,
    "deep inside a signal": b'{"signal": {"x": ' + b"[" * 70 + b"]" * 70 + b"}}",
    "quotes hiding brackets": b'{"a": "' + b'\\"[' * 500 + b'", "b": ' + b"[" * 100 + b"]" * 100 + b"}",
    "gzip": gzip.compress(SIGNAL),
    "leading zeros": b'{"signal": {"confidence": 00.5}}',
    "hex": b'{"signal": {"confidence": 0x1}}',
    "plus": b'{"signal": {"confidence": +1}}',
    "bad escape": b'{"signal": {"symbol": "\\x41"}}',
    "form": b"signal=BUY&confidence=1",
    "xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
}

WRONG_SHAPE: Mapping[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "a number": b"17",
    "a text": b'"signal"',
    "an array of numbers": b"[1, 2, 3]",
    "nested arrays": b"[[[[]]]]",
    "all fields wrong": orjson.dumps(
        {
            "signal": 1,
            "signals": 1,
            "outcomes": 1,
            "trade_id": 1,
            "symbol": [],
            "pnl": "much",
            "thresholds": [],
            "on": "yes",
            "scope": "root",
            "users": "*",
            "grace_hours": "for ever",
            "user_id": {},
            "reason": 3,
        }
    ),
    "text where numbers stand": b'{"signal": {"confidence": "0.9", "rsi": "55"}, "user_id": "ada", "grace_hours": "1"'
    b', "symbol": 5, "scope": 5, "on": 1, "thresholds": {"rsi_threshold": "70"}, "signals": {}, "trade_id": "x"}',
    "truth where numbers stand": b'{"signal": {"confidence": true}, "user_id": "ada", "grace_hours": true, "symbol": 1'
    b', "scope": true, "on": "true", "thresholds": {"rsi_threshold": true}, "signals": true, "trade_id": true}',
    "NUL in ids": b'{"signal": {"symbol": "a\\u0000"}, "user_id": "a\\u0000b", "trade_id": "a\\u0000", "scope": "a"'
    b', "symbol": "\\u0000", "reason": "a\\u0000", "name": "a\\u0000", "on": true, "pnl": 1, "thresholds": {"a": 1}'
    b', "signals": 0, "grace_hours": -1}',
    "out of range": b'{"signal": {"confidence": 1.5, "rsi": -1}, "user_id": "ada", "grace_hours": 1e300, "on": null'
    b', "scope": "", "thresholds": {"rsi_threshold": 1e308}, "signals": [], "trade_id": "", "symbol": "", "pnl": 1}',
    "an unknown threshold": b'{"thresholds": {"__class__": 1}, "signal": {"symbol": "??"}, "user_id": "", "on": {}'
    b', "scope": [], "signals": null, "grace_hours": null, "trade_id": null, "symbol": "\\ud83d\\ude00"}',
    "a list in a list": b'{"outcomes": {}, "signal": [[]], "user_id": [], "scope": {}, "symbol": [], "on": []}',
    "a long text": b'{"signal": {"symbol": "' + b"A" * 100_000 + b'"}, "user_id": "' + b"a" * 100_000 + b'", "x": 1}',
}


def requests_refused() -> Iterator[bytes]:
    admin = (*JSON, ("X-Admin-Key", ADMIN))
    for method, target in WRITES:
        optional = target.endswith(("/reset", "/rotate"))
        for name, body in (*NEVER_JSON.items(), *WRONG_SHAPE.items()):
            # A list of outcomes is answered item by item, with 200.
            listed = target.startswith("/api/v1/outcomes") and name.endswith(("of numbers", "arrays"))
            if not listed and not (optional and name in ("empty", "blank")):
                yield request(method, target, body, admin)
        for media in ("", "text/plain", "application/xml", "multipart/form-data; boundary=x", "\xff", "json" * 2000):
            yield request(method, target, SIGNAL, (("Content-Type", media), ("X-Admin-Key", ADMIN)))
        yield request(method, target, SIGNAL, (("X-Admin-Key", ADMIN),))
        yield request(method, target, b'{"a":"' + b"a" * 1_100_000 + b'"}', admin)
        yield request(method, target, gzip.compress(SIGNAL), (*admin, ("Content-Encoding", "gzip")))
        yield request("BREW", target, SIGNAL, admin)
        yield request(method, target + "%00", SIGNAL, admin)
        yield request(method, target.replace("/", "//"), SIGNAL, admin)
        for header, value in (
            ("X-Test-Time", "tomorrow"),
            ("X-Test-Time", "999999999999999"),
            ("X-Test-Time", "-1"),
            ("X-Test-Time", "1e3"),
        ):
            yield request(method, target, SIGNAL, (*admin, (header, value)))


def test_no_refused_body_causes_trouble_or_leaves_a_row(running: Service) -> None:
    before = rows(running)

    accepted = []
    for sent in requests_refused():
        answer = exchange(running.port, sent)
        check(answer, sent)
        if answer.status < 400:
            accepted.append((answer.status, sent[:300]))

    assert accepted == []
    assert rows(running) == before
    assert "Traceback" not in running.log.read_text()


# ---- requests that may be accepted, and must not break anything


def requests_odd() -> Iterator[bytes]:
    many = b'{"signal": {"symbol": "BTC", "confidence": 0.9, %s}}' % b", ".join(b'"f%d": 0' % n for n in range(10_000))
    outcome = b'{"trade_id": "t-%d", "symbol": "BTC", %s}'
    bodies: tuple[tuple[str, str, bytes], ...] = (
        ("POST", EVALUATE, many),
        ("POST", EVALUATE, b'{"signal": {"confidence": 0.9, "confidence": "x", "confidence": 0.8}}'),
        ("POST", EVALUATE, b'{"signal": {"confidence": 1e-400, "volume": 1.7976931348623157e308}}'),
        ("POST", EVALUATE, b'{"signal": {"confidence": 0.5, "\\u0000": "\\u0000", "": "", "__proto__": {"a": 1}}}'),
        ("POST", EVALUATE, b'{"signal": {"symbol": "BTC", "x": "' + b"a" * 200_000 + b'"}}'),
        ("POST", EVALUATE, b'{"signal": {"change_percent": -0.0, "big": 18446744073709551615}}'),
        ("POST", EVALUATE, b'{"signal": {"bigger": 18446744073709551616, "biggest": 1' + b"0" * 300 + b"}}"),
        ("POST", EVALUATE, b'{"signal": {}, "decision_id": "odd"}'),
        ("POST", EVALUATE, b"{}"),
        ("POST", "/api/v1/evaluate/ada/batch", b'{"signals": [null, 1, "a", [], {}, {"signal": {"rsi": 1e9}}]}'),
        ("POST", "/api/v1/outcomes/ada", outcome % (1, b'"pnl": 1e308, "fees": 1e308, "risk": 1e-308')),
        ("POST", "/api/v1/outcomes/ada", outcome % (2, b'"pnl_percent": -1.7976931348623157e308')),
        ("POST", "/api/v1/outcomes/ada", outcome % (3, b'"exit_price": 1e308, "entry_price": 1e-308, "quantity": 1e9')),
        ("POST", "/api/v1/outcomes/ada", outcome % (4, b'"pnl": 1, "closed_at": "9999-12-31T23:59:59-23:59"')),
        ("POST", "/api/v1/outcomes/ada", outcome % (5, b'"pnl": 1, "opened_at": "0001-01-01T00:00:00+23:59"')),
        ("POST", "/api/v1/outcomes/ada", outcome % (6, b'"pnl": 1, "decision_id": "' + b"~" * 128 + b'"')),
        ("POST", "/api/v1/outcomes/ada", b'{"outcomes": [null, 7, {}, {"trade_id": "t-7", "symbol": "B", "pnl": 1}]}'),
        ("POST", "/api/v1/outcomes/ada", b'[{"trade_id": "t-8", "symbol": "B", "pnl": 1, "pnl": null}]'),
        ("POST", "/api/v1/admin/keys", b'{"scope": "cron", "expires_at": "9999-12-31T23:59:59Z"}'),
        ("PUT", "/api/v1/thresholds/ada", b'{"thresholds": {"rsi_threshold": 60}, "reason": "\\u202e\\u0007"}'),
    )
    admin = (*JSON, ("X-Admin-Key", ADMIN))
    for method, target, body in bodies:
        yield request(method, target, body, admin)
        yield request(method, target, body, (*admin, ("X-Test-Time", "0")))
        yield request(method, target, body, (*admin, ("X-Test-Time", "221845392000000")))
        yield request(method, target, body, (*admin, ("X-Request-Deadline-Ms", "0"), ("Idempotency-Key", "one")))
    for value in ("\xff\xfe", "a" * 7000, "mls_", "mls_a_", "mls__", "mls_\xff_\xfe", "_" * 5000, "mls_" + "a_" * 2000):
        for name in ("X-API-Key", "X-Admin-Key", "Idempotency-Key", "X-Request-Id", "X-Request-Deadline-Ms"):
            yield request("POST", "/api/v1/outcomes/ada", outcome % (9, b'"pnl": 1'), (*JSON, (name, value)))


QUERIES = (
    "limit=nan",
    "limit=0",
    "limit=-1",
    "limit=" + "9" * 400,
    "limit=1&limit=2",
    "cursor=",
    "cursor=~",
    "cursor=1~2",
    "cursor=1~2~3",
    "cursor=1~%00",
    "cursor=9223372036854775807~1",
    "cursor=9223372036854775808~1",
    "cursor=-9223372036854775808~-9223372036854775808",
    "cursor=1~x~9223372036854775807",
    "cursor=1~x~y~9223372036854775808",
    "cursor=%C2%B2~%C2%B2",
    "since=0001-01-01T00:00:00%2B23:59",
    "since=9999-12-31T23:59:59-23:59",
    "until=" + "9" * 400,
    "since=2026-01-01",
    "since=2026-W01-1T00:00:00Z",
    "kind=%ff",
    "symbol=%00",
    "symbol=%ff%fe",
    "symbol=" + "a" * 5000,
    "hours_back=nan",
    "hours_back=inf",
    "hours_back=1e308",
    "hours_back=1e-320",
    "at=0001-01-01T00:00:00Z&user_id=ada",
    "at=9999-12-31T23:59:59Z&user_id=ada&symbol=*",
    "after=9223372036854775808",
    "after=-1",
    "user_id=%00",
    "user_id=*",
    "id=%00",
    "%00=1",
    "=&=&;;&%",
    "&".join(f"a{n}=1" for n in range(1000)),
)
READS = (
    "/api/v1/decisions/ada",
    "/api/v1/outcomes/ada",
    "/api/v1/thresholds/ada",
    "/api/v1/thresholds/ada/history",
    "/api/v1/as-of",
    "/api/v1/stats",
    "/api/v1/kill-switch",
    "/api/v1/admin/audit",
    "/api/v1/admin/keys",
    "/api/v1/learning/models",
    "/api/v1/learning/models/%00",
    "/api/v1/learning/sets",
    "/api/v1/learning/champions/history",
    "/api/v1/learning/performance/%00",
    "/api/v1/decision/ada/%00",
    "/api/v1/decision/ada/%ff",
    "/api/v1/decision/ada/ffffffff-ffff-7fff-8fff-ffffffffffff",
    "/health",
    "/livez",
)


def test_no_odd_request_breaks_anything(running: Service) -> None:
    admin = (("X-Admin-Key", ADMIN),)
    queries = [request("GET", f"{target}?{query}", headers=admin) for target in READS for query in QUERIES]
    others = [request("DELETE", f"/api/v1/admin/keys{rest}", headers=admin) for rest in ("/%00", "/%ff", "?id=%00", "")]
    replays = [request("POST", f"/api/v1/decision/ada/{one}/replay", headers=admin) for one in ("%00", "%ff", "x")]

    for sent in (*requests_odd(), *queries, *others, *replays):
        check(exchange(running.port, sent), sent)

    assert "Traceback" not in running.log.read_text()


# ---- bytes that are hardly HTTP

START = f"POST {EVALUATE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()
CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"

HARDLY_HTTP: Mapping[str, bytes] = {
    "garbage": b"\x00\x01\x02garbage\r\n\r\n",
    "a TLS hello": bytes.fromhex("1603010200010001fc0303") + bytes(range(200)),
    "HTTP/0.9": b"GET /livez\r\n\r\n",
    "HTTP/3.0": b"GET /livez HTTP/3.0\r\nHost: x\r\n\r\n",
    "an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no host": b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n",
    "a header without a colon": b"GET /livez HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
    "NUL in a header": b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n",
    "a blank before the colon": b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A : a\r\n\r\n",
    "a folded header": b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\nConnection: close\r\n\r\n",
    "a megabyte of header": request("GET", "/livez", headers=(("X-A", "a" * 1_000_000),)),
    "5,000 headers": request("GET", "/livez", headers=tuple((f"X-{n}", "a") for n in range(5_000))),
    "a long path": request("GET", "/" + "a" * 70_000),
    "NUL in the path": b"GET /\x00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "UTF-8 in the path": "GET /é HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(),
    "a blank in the path": b"GET /a b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a broken escape": request("GET", "/%zz%"),
    "an unknown method": request("BREW", "/livez"),
    "a long method": request("A" * 5_000, "/livez"),
    "TRACE": request("TRACE", "/livez"),
    "CONNECT": request("CONNECT", "localhost:80"),
    "OPTIONS": request("OPTIONS", EVALUATE),
    "OPTIONS *": request("OPTIONS", "*"),
    "another host's address": request("GET", "http://elsewhere/api/v1/decisions/ada"),
    "an unknown expectation": request("POST", EVALUATE, SIGNAL, (*JSON, ("Expect", "200-maybe"))),
    "an upgrade": request("GET", "/livez", headers=(("Connection", "Upgrade"), ("Upgrade", "h2c"))),
    "a negative length": request("POST", EVALUATE, SIGNAL, length=-5),
    "a huge length": request("POST", EVALUATE, SIGNAL, length=10**30),
    "a length over the limit": request("POST", EVALUATE, SIGNAL, length=300_000),
    "a short length": request("POST", EVALUATE, SIGNAL, length=10),
    "a long length, then the end": request("POST", EVALUATE, SIGNAL, length=1_000),
    "two lengths": START + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}}",
    "length and chunks": START + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a broken chunk size": CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n",
    "a negative chunk size": CHUNKED + b"-1\r\nabc\r\n0\r\n\r\n",
    "a huge chunk size": CHUNKED + b"ffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "a chunk without its end": CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n",
    "chunks that stop": CHUNKED + b"50\r\nabc",
    "an unknown transfer coding": START + b"Transfer-Encoding: brotli\r\n\r\nabc",
    "garbage behind a request": request("GET", "/livez").replace(b"Connection: close\r\n", b"")
    + b"\x00\xffrubbish\r\n\r\n",
    "a request inside a body": request("POST", EVALUATE, b"GET /api/v1/admin/keys HTTP/1.1\r\nHost: x\r\n\r\n"),
}


@pytest.mark.parametrize("name", HARDLY_HTTP)
def test_bytes_that_are_hardly_http_are_refused_or_understood(name: str, embedded: Service) -> None:
    sent = HARDLY_HTTP[name]

    answer = exchange(embedded.port, sent, then_close=True)

    check(answer, sent)
    assert exchange(embedded.port, request("GET", "/livez")).status == 200
    assert "Traceback" not in embedded.log.read_text()


BROKEN_CHUNKS: Mapping[str, bytes] = {
    "a broken size": b"zz\r\n{}\r\n0\r\n\r\n",
    "a negative size": b"-2\r\n{}\r\n0\r\n\r\n",
    "a huge size": b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "an end before the first": b"",
    "an end in the first": b"5\r\n{",
}
BODY_LEFT_OUT = ("reset", "adapt", "freeze", "unfreeze", "adaptations/abc/undo")


@pytest.mark.parametrize("name", BROKEN_CHUNKS)
def test_broken_chunks_are_no_body_that_was_left_out(name: str, embedded: Service) -> None:
    headers = (*JSON, ("X-Admin-Key", ADMIN), ("Transfer-Encoding", "chunked"))
    before = rows(embedded)

    for action in BODY_LEFT_OUT:
        head = request("POST", f"/api/v1/thresholds/ada/{action}", headers=headers)
        sent = head.replace(b"Content-Length: 0\r\n", b"") + BROKEN_CHUNKS[name]
        answer = exchange(embedded.port, sent, then_close=True)

        check(answer, sent)
        assert answer.status == 400, (action, answer.body)

    assert rows(embedded) == before


# ---- everything the document describes


def test_what_the_document_allows_and_forbids_never_breaks_the_service(tmp_path: Path) -> None:
    with Service(tmp_path, ML_SERVICE_ADMIN_KEY=ADMIN, RATE_LIMIT_PER_MINUTE="1000000") as service:
        probe(service, examples=8)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_ten_thousand_generated_requests_never_break_the_service(tmp_path: Path) -> None:
    with Service(tmp_path, ML_SERVICE_ADMIN_KEY=ADMIN, RATE_LIMIT_PER_MINUTE="1000000") as service:
        probe(service, examples=300)


def probe(service: Service, examples: int) -> None:
    """A few requests per operation, half of them against the document."""
    schema = schemathesis.openapi.from_dict(orjson.loads(httpx.get(f"{service.url}/openapi.json").content))
    modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
    seen = 0
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]  # an error here fails the test
        if operation.path in ("/docs", "/metrics"):
            # Not JSON; they take no input.
            continue
        for mode in modes:
            try:
                strategy = operation.as_strategy(generation_mode=mode)
            except Exception as error:
                raise AssertionError(f"no requests for {operation.label}") from error

            @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            @given(case=strategy)
            def sends(case: Any) -> None:
                nonlocal seen
                # Over what was generated, which is for the most part not a key.
                headers = {"X-Admin-Key": ADMIN}
                response = case.call(base_url=service.url, headers=headers, timeout=5.0)
                answer = Answer(
                    response.status_code,
                    tuple((name.lower(), values[0]) for name, values in response.headers.items()),
                    response.content,
                    response.elapsed,
                )
                check(answer, case.as_curl_command().encode())
                seen += 1

            # An operation without input cannot be asked wrongly.
            with contextlib.suppress(Unsatisfiable):
                sends()
    assert seen > 100
    assert "Traceback" not in service.log.read_text()


# ---- the parser

MODELS = sorted(
    {
        model
        for file in pkgutil.iter_modules(schemas.__path__, f"{schemas.__name__}.")
        for model in vars(importlib.import_module(file.name)).values()
        if isinstance(model, type) and issubclass(model, BaseModel) and model is not BaseModel
    },
    key=lambda model: model.__name__,
)
FIELDS = sorted({name for model in MODELS for name in model.model_fields} | {"rsi_threshold", "macd_threshold"})
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(["BUY", "sell", "*", "ada", "BTC/USDT", "user", "admin", "bot", "", "2026-01-31T12:00:00Z"]),
    st.datetimes().map(lambda at: at.isoformat() + "+14:00"),
)
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(0, 1),
    st.integers(0, 100),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(FIELDS), TEXTS), inner, max_size=8),
    ),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.one_of(st.sampled_from(FIELDS), TEXTS), VALUES, max_size=12)


@settings(max_examples=200, deadline=None)
@given(body=OBJECTS)
def test_any_object_is_a_signal_or_invalid_input(body: dict[str, Any]) -> None:
    try:
        asked = asked_from(body)
    except InvalidInput as error:
        assert error.errors
    else:
        assert all(isinstance(value, float) for value in asked.signal.values.values())
        orjson.dumps([asked.signal.values, asked.signal.details, asked.signal.ignored])


@settings(max_examples=200, deadline=None)
@given(body=OBJECTS, known=st.booleans())
def test_any_object_is_an_outcome_or_invalid_input(body: dict[str, Any], known: bool) -> None:
    if known:
        body = {"trade_id": "t", "symbol": "BTC", "pnl": 1.0, **body}

    try:
        outcome = outcome_from("ada", body)
    except InvalidInput as error:
        assert error.errors
    else:
        assert outcome.pnl is not None or outcome.pnl_percent is not None or outcome.exit_price is not None


@settings(max_examples=300, deadline=None)
@given(value=st.one_of(VALUES, OBJECTS), model=st.sampled_from(MODELS))
def test_any_value_is_a_body_or_invalid_input(value: Any, model: type[BaseModel]) -> None:
    try:
        found = checked(model, value)
    except InvalidInput as error:
        assert error.errors
        json.dumps([[one.path, one.message] for one in error.errors])
    else:
        assert isinstance(found, model)


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(TEXTS, st.text(max_size=200)))
def test_any_text_is_a_symbol_a_user_and_a_time_or_a_value_error(text: str) -> None:
    for read in (symbol_of, user_of, time_of):
        try:
            found = read(text)
        except ValueError:
            continue
        if read is time_of:
            assert isinstance(found, int)
            assert iso(found).endswith("Z")
