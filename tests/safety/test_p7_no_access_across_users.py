"""P7: no access across users."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from flask import Blueprint

from ml_service.web import factory
from ml_service.web.blueprints import BLUEPRINTS
from ml_service.web.contracts import contract
from ml_service.web.parts import Parts
from tests.raw_http import exchange, request
from tests.service import ROOT, SIGNAL, Service

ADMIN = "admin-secret-4711-admin"
SECRETS = {name: f"secret-of-{name}-0815" for name in ("eve", "ada", "svc", "cron", "boss")}
EVE, ADA, SVC, CRON, BOSS = (f"mls_{name}_{secret}" for name, secret in SECRETS.items())
"""eve and ada: a user's key each; svc: a service for bob alone; cron; boss: an admin key."""

KEYS_FILE = [
    {"id": "eve", "secret": SECRETS["eve"], "scope": "user", "users": ["eve"]},
    {"id": "ada", "secret": SECRETS["ada"], "scope": "user", "users": ["ada"]},
    {"id": "svc", "secret": SECRETS["svc"], "scope": "service", "users": ["bob"]},
    {"id": "cron", "secret": SECRETS["cron"], "scope": "cron"},
    {"id": "boss", "secret": SECRETS["boss"], "scope": "admin"},
]

HERE, GONE = "ada", "nobody-of-this-name"
"""A user with decisions, outcomes and thresholds, and one that does not exist."""


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    scope: str
    query: str = ""
    body: Any = None

    def target(self, user: str, decision: str) -> str:
        path = self.path.replace("{user_id}", user).replace("{decision_id}", decision)
        path = re.sub(r"{(key_id|job_id|adaptation_id|model_id|set_id|id)}", "k", path)
        path = path.replace("{trade_id}", "t0").replace("{venue}/{symbol}/{interval}", "binance/BTCUSDT/1h")
        return path + self.query.replace("{user_id}", user)

    def content(self, user: str) -> bytes:
        if self.body is None:
            return b""
        return json.dumps(self.body).replace("{user_id}", user).encode()


BODY_SIGNAL = {"signal": SIGNAL}
OUTCOME = {"trade_id": "stolen", "symbol": "BTCUSDT", "pnl": 1.0}

CANDLES = "/api/v1/market/{venue}/{symbol}/{interval}/candles"
CANDLE = {"opened_at": "2024-01-01T00:00:00Z", "open": 2.0, "high": 3.0, "low": 1.0, "close": 2.0, "volume": 5.0}

ROUTES = (
    Route("GET", "/health", "public"),
    Route("GET", "/livez", "public"),
    Route("GET", "/readyz", "public"),
    Route("GET", "/openapi.json", "public"),
    Route("GET", "/docs", "public"),
    Route("GET", "/metrics", "metrics"),
    Route("POST", "/api/v1/evaluate/{user_id}", "own", body=BODY_SIGNAL),
    Route("POST", "/evaluate", "own", body={**BODY_SIGNAL, "user_id": "{user_id}"}),
    Route("POST", "/api/v1/evaluate/{user_id}/batch", "own", body={"signals": [SIGNAL]}),
    Route("POST", "/api/v1/outcomes/{user_id}", "own", body=OUTCOME),
    Route("GET", "/api/v1/outcomes/{user_id}", "own"),
    Route("POST", "/api/v1/outcomes/{user_id}/{trade_id}/match", "own", body={"decision_id": "ada-0"}),
    Route("GET", "/api/v1/outcomes/{user_id}/quarantine", "own"),
    Route("POST", "/api/v1/outcomes/{user_id}/quarantine/{trade_id}/release", "own", body={"reason": "mine"}),
    Route("GET", "/api/v1/performance/{user_id}", "own"),
    Route("GET", "/api/v1/analytics/{user_id}", "own"),
    Route("GET", "/api/v1/export/decisions/{user_id}", "own"),
    Route("GET", "/api/v1/export/outcomes/{user_id}", "own"),
    Route("GET", "/api/v1/export/adaptations/{user_id}", "own"),
    Route("GET", "/api/v1/export/performance/{user_id}", "own"),
    Route("GET", "/api/v1/decisions/{user_id}", "own"),
    Route("GET", "/api/v1/decision/{user_id}/{decision_id}", "own"),
    Route("POST", "/api/v1/decision/{user_id}/{decision_id}/replay", "own"),
    Route("GET", "/api/v1/decision/{user_id}/{decision_id}/explanation", "own"),
    Route("POST", "/api/v1/decision/{user_id}/{decision_id}/explanation", "own"),
    Route("GET", "/api/v1/as-of", "own", query="?user_id={user_id}&at=2026-01-01T00:00:00Z"),
    Route("GET", "/api/v1/thresholds/{user_id}", "own"),
    Route("PUT", "/api/v1/thresholds/{user_id}", "own", body={"thresholds": {"rsi_threshold": 51}}),
    Route("POST", "/api/v1/thresholds/{user_id}/reset", "own", body={}),
    Route("GET", "/api/v1/thresholds/{user_id}/history", "own"),
    Route("POST", "/api/v1/thresholds/{user_id}/restore", "own", body={"revision": 1}),
    Route("POST", "/api/v1/thresholds/{user_id}/adapt", "own_or_cron", body={"dry_run": True}),
    Route("GET", "/api/v1/thresholds/{user_id}/adaptations", "own"),
    Route("GET", "/api/v1/thresholds/{user_id}/adaptations/{adaptation_id}", "own"),
    Route("POST", "/api/v1/thresholds/{user_id}/adaptations/{adaptation_id}/undo", "own", body={}),
    Route("POST", "/api/v1/thresholds/{user_id}/freeze", "own", body={}),
    Route("POST", "/api/v1/thresholds/{user_id}/unfreeze", "own", body={}),
    Route("POST", "/adapt", "cron", body={"dry_run": True}),
    Route("POST", "/api/v1/adapt-all", "cron", body={"dry_run": True}),
    Route("GET", "/api/v1/jobs", "service"),
    Route("GET", "/api/v1/jobs/{job_id}", "service"),
    Route("POST", "/api/v1/jobs/{job_id}/cancel", "service", body={}),
    Route("POST", "/api/v1/thresholds/{user_id}/what-if", "own", body={"thresholds": {"rsi_threshold": 51}}),
    Route("POST", CANDLES, "service", body={"candles": [CANDLE]}),
    Route("GET", CANDLES, "service"),
    Route("GET", "/api/v1/market/{venue}/{symbol}/{interval}/features", "service"),
    Route("GET", "/api/v1/market/streams", "service"),
    Route("GET", "/api/v1/market/schema", "service"),
    Route("GET", "/api/v1/learning/models", "service"),
    Route("GET", "/api/v1/learning/models/{model_id}", "service"),
    Route("POST", "/api/v1/learning/models/{model_id}/retire", "admin", body={}),
    Route("POST", "/api/v1/learning/models/promote", "admin", body={"set_id": "k"}),
    Route("POST", "/api/v1/learning/models/rollback", "admin", body={}),
    Route("GET", "/api/v1/learning/sets", "service"),
    Route("GET", "/api/v1/learning/sets/{set_id}", "service"),
    Route("POST", "/api/v1/learning/sets/{set_id}/reweigh", "admin", body={}),
    Route("GET", "/api/v1/learning/champions", "service"),
    Route("GET", "/api/v1/learning/champions/history", "service"),
    Route("GET", "/api/v1/learning/performance/{id}", "service"),
    Route("GET", "/api/v1/kill-switch", "service", query="?user_id={user_id}"),
    Route("POST", "/api/v1/kill-switch", "service", body={"on": True, "user_id": "{user_id}"}),
    Route("GET", "/api/v1/stats", "service"),
    Route("GET", "/api/v1/admin/keys", "admin"),
    Route("POST", "/api/v1/admin/keys", "admin", body={"scope": "admin"}),
    Route("DELETE", "/api/v1/admin/keys", "admin", query="?id=k"),
    Route("DELETE", "/api/v1/admin/keys/{key_id}", "admin"),
    Route("POST", "/api/v1/admin/keys/{key_id}/rotate", "admin"),
    Route("POST", "/api/v1/admin/reload", "admin"),
    Route("GET", "/api/v1/admin/audit", "admin"),
)
"""Every route and who may call it, as the contract of the bot and its rulings say it."""

NOT_PUBLIC = [route for route in ROUTES if route.scope not in ("public", "metrics")]
NAMES = [f"{route.method} {route.path}" for route in ROUTES]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Keys from a file, an admin key, and all that ada has."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "keys.json").write_text(json.dumps(KEYS_FILE))
    environment: dict[str, Any] = {
        "ML_SERVICE_API_KEYS_FILE": str(folder / "keys.json"),
        "ML_SERVICE_ADMIN_KEY": ADMIN,
        "ENABLE_RATE_LIMITING": "false",
        "LOG_LEVEL": "DEBUG",
    }
    with Service(folder, **environment) as service:
        headers = {"X-API-Key": ADA}
        for number in range(3):
            service.evaluate("ada", headers, decision_id=f"ada-{number}")
            told = service.client.post(
                "/api/v1/outcomes/ada",
                json={"trade_id": f"t{number}", "symbol": "BTCUSDT", "pnl": 1.0},
                headers=headers,
            )
            assert told.status_code == 200
        put = {"thresholds": {"rsi_threshold": 66}}
        assert service.client.put("/api/v1/thresholds/ada", json=put, headers=headers).status_code == 200
        yield service


@pytest.fixture(scope="module")
def dead_keys(guarded: Service) -> Mapping[str, str]:
    """Keys of ada's that were valid once."""
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    made = {
        name: guarded.client.post(
            "/api/v1/admin/keys",
            json={"scope": "user", "users": ["ada"], "name": name, **extra},
            headers={"X-Admin-Key": ADMIN},
        ).json()["data"]
        for name, extra in (("expired", {"expires_at": soon}), ("revoked", {}))
    }
    gone = guarded.client.delete(f"/api/v1/admin/keys/{made['revoked']['id']}", headers={"X-Admin-Key": ADMIN})
    assert gone.status_code == 200
    time.sleep(2.1)
    return {name: key["key"] for name, key in made.items()}


Headers = tuple[tuple[str, str], ...]


def ask(service: Service, route: Route, headers: Headers, user: str = HERE, decision: str = "ada-0") -> Any:
    body = route.content(user)
    return exchange(
        service.port,
        request(route.method, route.target(user, decision), body, (("Content-Type", "application/json"), *headers)),
    )


def everything_of(service: Service, user: str) -> bytes:
    """All that a user's own key can read."""
    lists = (f"decisions/{user}", f"outcomes/{user}", f"thresholds/{user}", f"thresholds/{user}/history")
    headers = {"X-Admin-Key": ADMIN}
    return b"\n".join(service.client.get(f"/api/v1/{one}", headers=headers).content for one in lists)


# ---- every route

NO_PARTS = cast(Parts, SimpleNamespace(cors_origins=()))
"""Enough to build the routes; none is called."""


def test_every_route_of_the_app_is_in_the_table(guarded: Service) -> None:
    app = factory.create_app(NO_PARTS)

    known = {(route.method, route.path) for route in ROUTES}
    in_map = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS")
    }
    document = guarded.client.get("/openapi.json").json()["paths"]
    in_document = {(method.upper(), path) for path, methods in document.items() for method in methods}
    assert in_map == known
    assert in_document == known


def test_a_route_without_a_contract_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    careless = Blueprint("careless", __name__)
    careless.get("/api/v1/everything")(lambda: "all of it")
    careful = Blueprint("careful", __name__)
    careful.get("/api/v1/nothing")(contract("public", "free")(lambda: "nothing"))

    monkeypatch.setattr("ml_service.web.factory.BLUEPRINTS", (*BLUEPRINTS, careful))
    factory.create_app(NO_PARTS)
    monkeypatch.setattr("ml_service.web.factory.BLUEPRINTS", (*BLUEPRINTS, careless))
    with pytest.raises(AssertionError, match="says nothing about who may call it"):
        factory.create_app(NO_PARTS)


WORTHLESS: Mapping[str, Headers] = {
    "no key": (),
    "an empty key": (("X-API-Key", ""),),
    "not a key": (("X-API-Key", "letmein"),),
    "no secret": (("X-API-Key", "mls_ada_"),),
    "no id": (("X-API-Key", f"mls__{SECRETS['ada']}"),),
    "the bare secret": (("X-API-Key", SECRETS["ada"]),),
    "a wrong secret": (("X-API-Key", f"{ADA}x"),),
    "a short secret": (("X-API-Key", ADA[:-1]),),
    "another's secret": (("X-API-Key", f"mls_ada_{SECRETS['eve']}"),),
    "an unknown id": (("X-API-Key", f"mls_zoe_{SECRETS['ada']}"),),
    "capitals": (("X-API-Key", ADA.upper()),),
    "latin letters": (("X-API-Key", "mls_ada_\xff\xfe"),),
    "two keys in one": (("X-API-Key", f"{EVE}x,{ADA}"),),
    "a bearer": (("Authorization", f"Bearer {ADMIN}"),),
    "a wrong admin key": (("X-Admin-Key", f"{ADMIN}x"),),
    "an empty admin key": (("X-Admin-Key", ""),),
    "a wrong admin key before a good key": (("X-Admin-Key", "wrong"), ("X-API-Key", ADA)),
    "another address": (("X-Forwarded-For", "127.0.0.1"), ("X-Real-IP", "127.0.0.1"), ("Forwarded", "for=127.0.0.1")),
    "another path": (("X-Original-URL", "/livez"), ("X-Rewrite-URL", "/livez"), ("X-Forwarded-Prefix", "/livez")),
    "another method": (("X-HTTP-Method-Override", "GET"), ("X-Method-Override", "OPTIONS")),
    "another time": (("X-Test-Time", "0"), ("X-API-Key", "mls_zoe_x")),
    "a cookie": (("Cookie", f"X-Admin-Key={ADMIN}; session=admin"),),
    "a user's name": (("X-User", "admin"), ("X-User-Id", "ada"), ("X-Remote-User", "admin"), ("Remote-User", "admin")),
}


@pytest.mark.parametrize("route", NOT_PUBLIC, ids=[f"{route.method} {route.path}" for route in NOT_PUBLIC])
def test_a_worthless_key_opens_no_route(route: Route, guarded: Service, dead_keys: Mapping[str, str]) -> None:
    dead = {f"an {name} key": (("X-API-Key", key),) for name, key in dead_keys.items()}

    answers = {name: ask(guarded, route, headers) for name, headers in {**WORTHLESS, **dead}.items()}

    assert {name: answer.status for name, answer in answers.items() if answer.status != 401} == {}


@pytest.mark.parametrize("route", NOT_PUBLIC, ids=[f"{route.method} {route.path}" for route in NOT_PUBLIC])
def test_a_key_opens_only_what_its_scope_says(route: Route, guarded: Service) -> None:
    expected = {
        "own": {"eve": 404, "svc": 404, "cron": 403},
        "own_or_cron": {"eve": 404, "svc": 404, "cron": 200},
        "cron": {"eve": 403, "ada": 403, "svc": 403, "cron": 202},
        # A service may only turn and see the switch of its own users; stats carry no user.
        "service": {"eve": 403, "svc": 404 if hidden(route) else 200, "cron": 403},
        "admin": {"eve": 403, "ada": 403, "svc": 403, "cron": 403},
    }[route.scope]
    keys = {"eve": EVE, "ada": ADA, "svc": SVC, "cron": CRON}
    before = everything_of(guarded, HERE)

    found = {name: ask(guarded, route, (("X-API-Key", keys[name]),)).status for name in expected}
    in_the_other_header = {name: ask(guarded, route, (("X-Admin-Key", keys[name]),)).status for name in expected}

    assert found == expected
    assert in_the_other_header == expected
    assert everything_of(guarded, HERE) == before


def hidden(route: Route) -> bool:
    """Whether it asks for what is not there for a service of another user."""
    return "{user_id}" in f"{route.query}{route.body}" or re.search(r"{((job|model|set)_)?id}", route.path) is not None


@pytest.mark.parametrize("name", ["eve", "svc", "cron"])
def test_a_foreign_user_looks_the_same_whether_it_exists_or_not(name: str, guarded: Service) -> None:
    key = (("X-API-Key", {"eve": EVE, "svc": SVC, "cron": CRON}[name]), ("X-Request-Id", "same"))
    routes = [
        route
        for route in NOT_PUBLIC
        # Cron may let anybody learn.
        if "{user_id}" in f"{route.path}{route.query}{route.body}" and (route.scope, name) != ("own_or_cron", "cron")
    ]

    for route in routes:
        there = ask(guarded, route, key, HERE, "ada-0")
        not_there = ask(guarded, route, key, GONE, "ada-0")
        no_decision = ask(guarded, route, key, HERE, "none-such")

        headers = [[one for one in answer.headers if one[0] != "date"] for answer in (there, not_there, no_decision)]
        assert there.status >= 400, route
        assert (there.status, there.body, headers[0]) == (not_there.status, not_there.body, headers[1]), route
        assert (there.status, there.body, headers[0]) == (no_decision.status, no_decision.body, headers[2]), route


def test_public_routes_answer_whatever_key_is_shown(guarded: Service) -> None:
    public = [route for route in ROUTES if route.scope == "public"]

    answers = {
        (name, route.path): ask(guarded, route, headers).status
        for route in public
        for name, headers in WORTHLESS.items()
    }

    assert {told: status for told, status in answers.items() if status != 200} == {}


def test_health_without_a_key_tells_only_its_short_form(guarded: Service) -> None:
    short = {"status", "mode", "version", "degraded"}

    nobody = guarded.client.get("/health").json()["data"]
    user = guarded.client.get("/health", headers={"X-API-Key": ADA}).json()["data"]
    wrong = guarded.client.get("/health", headers={"X-Admin-Key": "wrong"}).json()["data"]
    admin = guarded.client.get("/health", headers={"X-Admin-Key": ADMIN}).json()["data"]

    assert set(nobody) == set(user) == set(wrong) == short
    assert set(admin) > short


def test_a_service_for_some_users_sees_only_their_switches(guarded: Service) -> None:
    admin = {"X-Admin-Key": ADMIN}
    for user, on in (("carol", True), ("bob", True)):
        guarded.client.post("/api/v1/kill-switch", json={"on": on, "user_id": user}, headers=admin).raise_for_status()

    seen = guarded.client.get("/api/v1/kill-switch", headers={"X-API-Key": SVC}).json()["data"]["switches"]

    assert {switch["user_id"] for switch in seen} <= {"*", "bob"}


# ---- tricks

PATHS = (
    "/api/v1/decisions/ada",
    "/api/v1/decisions/%61da",
    "/api/v1/decisions/%61%64%61",
    "/api/v1/decisions/ada/",
    "/api/v1/decisions/eve/../ada",
    "/api/v1/decisions/eve/%2e%2e/ada",
    "/api/v1/decisions/eve/%2E%2E/ada",
    "/api/v1/decisions/eve%2f..%2fada",
    "/api/v1/decisions/eve/..%2fada",
    "/api/v1/decisions/eve/..;/ada",
    "/api/v1/decisions/eve/..%5cada",
    "/api/v1/decisions/eve\\..\\ada",
    "/api/v1/decisions//ada",
    "//api/v1/decisions/ada",
    "/api//v1//decisions//ada",
    "/api/v1/decisions/./ada",
    "/api/v1/decisions/%2e/ada",
    "/API/V1/DECISIONS/ada",
    "/api/v1/Decisions/ada",
    "/api/v1/decisions/ADA",
    "/api/v1/decisions/ada;user=eve",
    "/api/v1/decisions/ada%00",
    "/api/v1/decisions/ada%00eve",
    "/api/v1/decisions/ada%20",
    "/api/v1/decisions/ada%0d%0aX-API-Key:x",
    "/api/v1/decisions/ada%09",
    "/api/v1/decisions/ada?user_id=eve",
    "/api/v1/decisions/ada?",
    "/api/v1/decisions/ada#eve",
    "/api/v1/decisions/%c1%a1da",
    "/api/v1/decisions/%25%36%31da",
    "/api/v1/decisions/*",
    "/api/v1/decisions/eve,ada",
    "/livez/../api/v1/decisions/ada",
    "/livez/%2e%2e/api/v1/decisions/ada",
    "/livez%2f..%2fapi%2fv1%2fdecisions%2fada",
    "/api/v1/as-of?user_id=eve&user_id=ada&at=2026-01-01T00:00:00Z",
    "/api/v1/as-of?user_id=ada&user_id=eve&at=2026-01-01T00:00:00Z",
    "/api/v1/as-of?user_id=ada%00&at=2026-01-01T00:00:00Z",
    "/api/v1/decision/ada/ada-0",
    "/api/v1/decision/eve/..%2fada%2fada-0",
    "/api/v1/decision/eve/ada-0",
    "/api/v1/admin/keys",
    "/api/v1/admin%2fkeys",
    "/api/v1/admin/%6beys",
    "/api/v1//admin/keys",
    "/api/v1/Admin/Keys",
    "/api/v1/admin/keys/",
    "/api/v1/admin/keys;x",
    "/api/v1/decisions/eve/../../admin/keys",
    "/livez/..;/api/v1/admin/keys",
    "/api/v1/admin/audit?user_id=eve",
    "http://127.0.0.1/api/v1/decisions/ada",
    "http://127.0.0.1/api/v1/admin/keys",
)
TRICKS: Mapping[str, Headers] = {
    "nothing": (),
    "another path": (("X-Original-URL", "/api/v1/decisions/eve"), ("X-Rewrite-URL", "/api/v1/decisions/eve")),
    "a near address": (("X-Forwarded-For", "127.0.0.1"), ("X-Real-IP", "127.0.0.1"), ("X-Forwarded-Host", "localhost")),
    "another user": (("X-User-Id", "ada"), ("X-Forwarded-User", "ada"), ("X-Forwarded-Prefix", "/api/v1")),
    "a second, wrong key": (("X-API-Key", f"mls_ada_{SECRETS['eve']}"),),
    "a wrong admin key beside it": (("X-Admin-Key", "mls_boss_wrong"),),
    "an empty admin key beside it": (("X-Admin-Key", ""),),
    "underscores": (("X_Admin_Key", "x"), ("X_API_Key", "mls_ada_x")),
    "an override": (("X-HTTP-Method-Override", "GET"), ("Content-Length", "0")),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_with_paths_or_headers_reaches_another_user(trick: str, guarded: Service) -> None:
    headers = (("X-API-Key", EVE), *TRICKS[trick])

    for path in PATHS:
        for method in ("GET", "POST"):
            answer = exchange(guarded.port, request(method, path, headers=headers))

            told = f"{method} {path} -> {answer.status} {answer.body[:200]!r}"
            foreign = b"ada-0" in answer.body and b'"success":true' in answer.body
            # 200 only where the path names eve alone, or an address that eve's key may read.
            assert (
                answer.status in (400, 401, 403, 404, 405, 415)
                or b'"items":[]' in answer.body
                or (answer.status == 200 and b'"user_id":"eve"' in answer.body)
            ), told
            assert not foreign, told
            assert b"mls_" not in answer.body, told
            assert b'"user_id":"ada"' not in answer.body, told


def test_a_second_key_in_a_second_header_line_is_never_added_to_the_first(guarded: Service) -> None:
    route = Route("GET", "/api/v1/decisions/{user_id}", "own")

    both = ask(guarded, route, (("X-API-Key", EVE), ("X-API-Key", EVE)))
    worthless = ask(guarded, route, (("X-API-Key", "mls_a_b"), ("X-API-Key", "mls_c_d")))

    assert both.status in (401, 404)
    assert worthless.status == 401


# ---- keys come and go


def test_a_revoked_key_stops_in_every_worker_within_a_second(tmp_path: Path) -> None:
    with Service(tmp_path, ML_SERVICE_ADMIN_KEY=ADMIN, WORKERS="2") as service:
        admin = {"X-Admin-Key": ADMIN}
        made = service.client.post("/api/v1/admin/keys", json={"scope": "service"}, headers=admin).json()["data"]
        processes: set[int] = set()
        deadline = time.monotonic() + 20
        while len(processes) < 2 and time.monotonic() < deadline:
            # A new connection each time, so that both workers get some.
            answer = service.ask_anew("GET", "/health", headers={"X-API-Key": made["key"]}, timeout=5.0)
            processes.add(answer.json()["data"]["process"])
        assert len(processes) == 2, "both workers took the key"

        gone = service.client.delete(f"/api/v1/admin/keys/{made['id']}", headers=admin)
        time.sleep(1.0)
        statuses = [
            service.ask_anew(
                "GET", "/api/v1/decisions/ada", headers={"X-API-Key": made["key"]}, timeout=5.0
            ).status_code
            for _ in range(40)
        ]

        assert gone.status_code == 200
        assert set(statuses) == {401}


def test_a_user_has_at_most_two_live_keys_and_a_rotated_one_ends(guarded: Service) -> None:
    admin = {"X-Admin-Key": ADMIN}
    wanted = {"scope": "user", "users": ["rita"]}

    first = guarded.client.post("/api/v1/admin/keys", json=wanted, headers=admin).json()["data"]
    second = guarded.client.post(
        f"/api/v1/admin/keys/{first['id']}/rotate", json={"grace_hours": 0}, headers=admin
    ).json()["data"]
    third = guarded.client.post("/api/v1/admin/keys", json=wanted, headers=admin)
    fourth = guarded.client.post("/api/v1/admin/keys", json=wanted, headers=admin)

    read = [
        guarded.client.get("/api/v1/decisions/rita", headers={"X-API-Key": key["key"]}).status_code
        for key in (first, second)
    ]
    assert read == [401, 200]
    assert third.status_code == 201
    assert fourth.status_code == 409


# ---- how it may start


@pytest.mark.parametrize("command", [["-m", "ml_service", "run"], ["-m", "ml_service", "web"], ["app.py"]])
@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"HOST": "0.0.0.0"}, "0.0.0.0 can be reached from outside, and nobody would need a key"),
        ({"ENVIRONMENT": "production", "HOST": "127.0.0.1"}, "production does not start while nobody would need a key"),
        ({"HOST": "0.0.0.0", "ML_SERVICE_ADMIN_KEY": "change-me-please"}, "can be reached from outside"),
        ({"HOST": "0.0.0.0", "ML_SERVICE_ADMIN_KEY": "too-short"}, "expected at least 16 characters"),
    ],
    ids=["outside without keys", "production without keys", "outside with an example key", "outside with a short key"],
)
def test_an_unsafe_start_is_refused_with_a_sentence(
    command: list[str], environment: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORT": "29999", "ML_SERVICE_DATA_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.returncode not in (0, None)
    assert sentence in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert environment.get("ML_SERVICE_ADMIN_KEY", "change-me") not in done.stderr + done.stdout


def test_a_trusted_network_opens_the_bots_routes_and_no_more(tmp_path: Path) -> None:
    with Service(tmp_path, ML_SERVICE_TRUSTED_NETWORK="127.0.0.0/8", ML_SERVICE_ADMIN_KEY=ADMIN) as service:
        trusted = service.evaluate("ada")
        mode = service.client.get("/health").json()["data"]["mode"]
        admin = service.client.get("/api/v1/admin/keys").status_code
        off = service.client.post("/api/v1/kill-switch", json={"on": False}).status_code
        forwarded = {
            (route.method, route.path, header): ask(service, route, ((header, value),)).status
            for route in ROUTES
            if route.scope != "public"
            for header, value in (("X-Forwarded-For", "127.0.0.1"), ("Forwarded", "for=127.0.0.1"))
        }

        assert trusted["decision"] == "take"
        assert mode == "trusted-network"
        assert admin == 403
        assert off == 403
        assert {told: status for told, status in forwarded.items() if status != 401} == {}


def test_without_keys_on_loopback_admin_routes_stay_closed(tmp_path: Path) -> None:
    with Service(tmp_path) as service:
        open_routes = [
            route.path for route in ROUTES if route.scope == "admin" and ask(service, route, ()).status != 403
        ]

        assert service.client.get("/health").json()["data"]["mode"] == "development"
        assert service.evaluate("ada")["decision"] == "take"
        assert open_routes == []


# ---- secrets stay secret


def test_no_secret_is_in_the_log_an_error_or_health(guarded: Service, dead_keys: Mapping[str, str]) -> None:
    secrets = [ADMIN, *SECRETS.values(), *(key.rsplit("_", 1)[1] for key in dead_keys.values())]
    tokens = [ADMIN, EVE, ADA, SVC, CRON, BOSS, *dead_keys.values(), f"mls_boss_{ADMIN}", f"mls_{ADMIN}_x"]
    bodies = []
    for token in tokens:
        for header in ("X-API-Key", "X-Admin-Key", "Authorization", "X-Request-Deadline-Ms", "Idempotency-Key"):
            for route in ROUTES:
                if route.method == "GET" or header == "Authorization":
                    bodies.append(ask(guarded, route, ((header, token),)).body)
            bad = request("POST", "/api/v1/outcomes/ada", b"{", ((header, token), ("Content-Type", "text/x")))
            bodies.append(exchange(guarded.port, bad).body)
    time.sleep(0.3)

    log = guarded.log.read_text()
    kept = b"".join(path.read_bytes() for path in (guarded.folder / "data").rglob("*") if path.is_file())

    assert "request" in log
    for secret in secrets:
        assert secret not in log
        assert not any(secret.encode() in body for body in bodies)
        assert secret.encode() not in kept


def test_the_password_of_the_database_is_in_no_message(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ml_service", "migrate"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "ML_SERVICE_DATA_DIR": str(tmp_path),
            "DATABASE_URL": "postgresql://bot:hunter2-4711@127.0.0.1:9/none",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode != 0
    assert "hunter2-4711" not in done.stdout + done.stderr
