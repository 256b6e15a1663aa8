"""Models over HTTP: listed, told, promoted, rolled back, retired; and who served when."""

import time
from typing import Any

import pytest

from ml_service.adapters.inference.graph import open_graph
from ml_service.adapters.inference.shelved import ShelvedGraphs
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.domain.models.slots import Place
from ml_service.domain.types import Forecast, MemberFigure
from ml_service.web.wire import iso
from tests.builders import outcome, taken
from tests.domain.models.report.rows import GOOD, HOUR_MS, INVERTED, USELESS
from tests.learning.members import set_graph
from tests.models import Registry, finished
from tests.spoken import speak
from tests.web.desk import ADMIN, Desk

ROOT = "/api/v1/learning"


@pytest.fixture
def registry(desk: Desk) -> Registry:
    use = desk.process.parts
    return Registry(use.store, use.shelf, time.time_ns() // 1_000_000, use.signing_key)


def place_of(user: str) -> dict[str, str]:
    """Each test has a symbol of its own."""
    return {"symbol": user.upper().replace("-", ""), "regime": "*"}


def registered(registry: Registry, name: str, place: dict[str, str], *types: str, **fields: Any) -> str:
    own = Place(**place)
    models = [finished(f"{name} {own.symbol}", kind, own) for kind in types or ("xgboost", "logistic")]
    return registry.register(f"{name} {own.symbol}", *models, place=own, **fields).set_id


def champion_of(desk: Desk, place: dict[str, str]) -> str | None:
    """As requests see it."""
    found = desk.process.parts.snapshot.view().champions.get(Place(**place))
    return found.set_id if found is not None else None


def test_models_are_listed_newest_first_and_narrowed(desk: Desk, registry: Registry, user: str) -> None:
    place = place_of(user)
    registered(registry, "first", place, "xgboost", "lstm")
    registered(registry, "second", place, "xgboost")

    listed = desk.data("GET", f"{ROOT}/models?symbol={place['symbol']}&limit=2")
    rest = desk.data("GET", f"{ROOT}/models?symbol={place['symbol']}&limit=2&cursor={listed['next_cursor']}")
    narrowed = desk.data("GET", f"{ROOT}/models?symbol={place['symbol']}&model_type=lstm&status=SHADOW&regime=*")

    assert (listed["items"][0]["model_type"], listed["items"][0]["version"]) == ("xgboost", 2)
    assert len(rest["items"]) == 1
    assert rest["next_cursor"] is None
    assert [one["model_type"] for one in narrowed["items"]] == ["lstm"]
    assert {one["status"] for one in listed["items"]} == {"SHADOW"}


def test_one_model_tells_its_manifest_lineage_and_service(desk: Desk, registry: Registry, user: str) -> None:
    place = place_of(user)
    set_id = registered(registry, "first", place, "xgboost")
    desk.admin("POST", f"{ROOT}/models/promote", {"set_id": set_id, "reason": "it is time"})
    model_id = desk.data("GET", f"{ROOT}/sets/{set_id}")["members"][0]["model_id"]

    told = desk.data("GET", f"{ROOT}/models/{model_id}")

    assert told["status"] == "ACTIVE"
    assert told["manifest"]["data_hash"] == "d" * 8
    assert told["manifest"]["files"]["onnx"]["sha256"] == told["files"]["onnx"]["sha256"]
    assert told["refused"] is None
    assert (told["parent"], told["children"]) == (None, [])
    (served,) = told["sets"][0]["served"]
    assert (served["step"], served["reason"], served["until"]) == ("promoted", "it is time", None)
    desk.problem(404, "GET", f"{ROOT}/models/none-such")


def test_a_promotion_serves_at_once_and_a_rollback_brings_the_former_back(
    desk: Desk, registry: Registry, user: str
) -> None:
    place = place_of(user)
    first, second = (registered(registry, name, place) for name in ("first", "second"))

    desk.admin("POST", f"{ROOT}/models/promote", {"set_id": first})
    promoted = desk.admin("POST", f"{ROOT}/models/promote", {"model_type": "logistic", **place})
    in_view = champion_of(desk, place)
    back = [desk.admin("POST", f"{ROOT}/models/rollback", {**place, "set_id": second}) for _ in range(2)]

    assert (promoted["set_id"], promoted["changed"], promoted["set"]["version"]) == (second, True, 2)
    assert promoted["evidence"] == ["No test has told what it is worth."]
    assert in_view == second
    assert [(one["set_id"], one["step"], one["changed"]) for one in back] == [
        (first, "rolled_back", True),
        (first, "rolled_back", False),
    ]
    history = desk.data("GET", f"{ROOT}/champions/history?symbol={place['symbol']}")["items"]
    assert [(one["set_id"], one["step"]) for one in history] == [
        (first, "rolled_back"),
        (second, "promoted"),
        (first, "promoted"),
    ]
    champions = desk.data("GET", f"{ROOT}/champions")["items"]
    assert [one["set_id"] for one in champions if one["symbol"] == place["symbol"]] == [first]


def test_a_first_champion_is_rolled_back_to_nobody(desk: Desk, registry: Registry, user: str) -> None:
    place = place_of(user)
    set_id = registered(registry, "first", place)
    desk.admin("POST", f"{ROOT}/models/promote", {"set_id": set_id})

    back = [desk.admin("POST", f"{ROOT}/models/rollback", {**place, "set_id": set_id}) for _ in range(2)]

    assert [(one["set_id"], one["set"], one["step"], one["changed"]) for one in back] == [
        (None, None, "rolled_back", True),
        (None, None, "rolled_back", False),
    ]
    assert champion_of(desk, place) is None
    assert [one for one in desk.data("GET", f"{ROOT}/champions")["items"] if one["symbol"] == place["symbol"]] == []
    history = desk.data("GET", f"{ROOT}/champions/history?symbol={place['symbol']}")["items"]
    assert [one["set_id"] for one in history] == [None, set_id]
    assert desk.data("GET", f"{ROOT}/sets/{set_id}")["served"][0]["until"] == history[0]["since"]
    listed = desk.data("GET", f"{ROOT}/models?symbol={place['symbol']}")["items"]
    assert {one["status"] for one in listed} == {"SHADOW"}
    assert desk.admin("POST", f"{ROOT}/models/promote", {"set_id": set_id})["revision"] == 3


def test_a_rollback_tells_whom_it_passed_over_and_leaves_the_place_to_nobody_when_asked_to(
    desk: Desk, registry: Registry, user: str
) -> None:
    place = place_of(user)
    first, second, third = (registered(registry, name, place) for name in ("first", "second", "third"))
    for set_id in (first, second, third):
        desk.admin("POST", f"{ROOT}/models/promote", {"set_id": set_id})
    desk.process._shelf.drop(desk.data("GET", f"{ROOT}/sets/{second}")["graph_sha256"])

    back = desk.admin("POST", f"{ROOT}/models/rollback", {**place, "set_id": third})
    emptied = desk.admin("POST", f"{ROOT}/models/rollback", {**place, "set_id": first, "to": "nobody"})

    assert (back["set_id"], [one["set_id"] for one in back["passed_over"]]) == (first, [second])
    assert "on the shelf, found none" in back["passed_over"][0]["why"]
    assert (emptied["set_id"], emptied["passed_over"]) == (None, [])


def test_where_no_earlier_champion_can_serve_it_says_what_to_do(desk: Desk, registry: Registry, user: str) -> None:
    place = place_of(user)
    first, second = (registered(registry, name, place) for name in ("first", "second"))
    for set_id in (first, second):
        desk.admin("POST", f"{ROOT}/models/promote", {"set_id": set_id})
    desk.process._shelf.drop(desk.data("GET", f"{ROOT}/sets/{first}")["graph_sha256"])

    problem = desk.problem(409, "POST", f"{ROOT}/models/rollback", place, ADMIN)

    assert problem["code"] == "no_former"
    assert f"set {second} goes on" in problem["error"]
    assert '"to": "nobody"' in problem["error"]


def test_a_set_is_not_promoted_for_a_place_that_is_not_its_own(desk: Desk, registry: Registry, user: str) -> None:
    set_id = registered(registry, "first", place_of(user))

    problem = desk.problem(400, "POST", f"{ROOT}/models/promote", {"set_id": set_id, "symbol": "OTHER"}, ADMIN)

    assert [one["path"] for one in problem["errors"]] == ["symbol"]


def test_a_set_tells_how_it_came_about_and_when_it_served(desk: Desk, registry: Registry, user: str) -> None:
    place = place_of(user)
    set_id = registered(registry, "first", place, weights={"*": (0.75, 0.25)})
    desk.admin("POST", f"{ROOT}/models/promote", {"set_id": set_id})

    told = desk.data("GET", f"{ROOT}/sets/{set_id}")
    listed = desk.data("GET", f"{ROOT}/sets?symbol={place['symbol']}")["items"]

    assert told["weights"] == {"*": [0.75, 0.25]}
    assert told["provenance"] == {"name": f"first {place['symbol']}"}
    assert told["rises"] == {"intercept": 0.0, "slope": 1.0}
    assert [one["step"] for one in told["served"]] == ["promoted"]
    assert [one["set_id"] for one in listed] == [set_id]
    desk.problem(404, "GET", f"{ROOT}/sets/none-such")


def test_as_of_tells_which_set_served_then(desk: Desk, registry: Registry, user: str) -> None:
    place = place_of(user)
    first = registered(registry, "first", place)
    before = iso(registry.now_ms - 10_000)
    desk.admin("POST", f"{ROOT}/models/promote", {"set_id": first})
    now = iso(registry.now_ms + 100_000)

    def model_at(at: str, symbol: str = place["symbol"]) -> Any:
        return desk.data("GET", f"/api/v1/as-of?user_id={user}&symbol={symbol}&regime=ranging&at={at}")["model"]

    assert model_at(before) is None
    assert model_at(now, "NOBODY") is None
    assert model_at(now)["set_id"] == first
    assert [one["type"] for one in model_at(now)["set"]["members"]] == ["xgboost", "logistic"]


def test_a_set_did_not_serve_after_it_had_expired(desk: Desk, registry: Registry, user: str) -> None:
    place = place_of(user)
    expires_ms = registry.now_ms + 60_000
    set_id = registered(registry, "first", place, expires_at_ms=expires_ms)
    desk.admin("POST", f"{ROOT}/models/promote", {"set_id": set_id})

    served = [
        desk.data("GET", f"/api/v1/as-of?user_id={user}&symbol={place['symbol']}&at={iso(at)}")["model"]
        for at in (expires_ms - 1, expires_ms)
    ]

    assert served[0]["set_id"] == set_id
    assert served[1] is None


def test_a_shadow_is_retired_and_a_serving_model_is_not(desk: Desk, registry: Registry, user: str) -> None:
    place = place_of(user)
    serving = registered(registry, "first", place, "xgboost")
    shadow = registered(registry, "second", place, "xgboost")
    desk.admin("POST", f"{ROOT}/models/promote", {"set_id": serving})
    ids = [desk.data("GET", f"{ROOT}/sets/{one}")["members"][0]["model_id"] for one in (serving, shadow)]

    refused = desk.problem(409, "POST", f"{ROOT}/models/{ids[0]}/retire", {}, ADMIN)
    retired = desk.admin("POST", f"{ROOT}/models/{ids[1]}/retire", {"reason": "no use"})

    assert refused["code"] == "last_active"
    assert (retired["status"], retired["reason"], retired["changed"]) == ("RETIRED", "no use", True)


@pytest.mark.parametrize(
    ("status", "code", "action", "body"),
    [
        (404, "not_found", "promote", {"set_id": "none-such"}),
        (404, "not_found", "promote", {"model_type": "xgboost", "symbol": "NOBODY"}),
        (400, "invalid_input", "promote", {}),
        (400, "invalid_input", "promote", {"set_id": "a", "model_type": "lstm"}),
        (400, "invalid_input", "promote", {"set_id": "../../etc/passwd"}),
        (400, "invalid_input", "promote", {"model_type": "lstm", "regime": "stormy"}),
        (404, "not_found", "rollback", {"symbol": "NOBODY"}),
        (400, "invalid_input", "rollback", {"symbol": 5}),
        (400, "invalid_input", "rollback", {"to": "anybody"}),
    ],
)
def test_what_cannot_be_done_is_said(desk: Desk, status: int, code: str, action: str, body: Any) -> None:
    assert desk.problem(status, "POST", f"{ROOT}/models/{action}", body, ADMIN)["code"] == code


@pytest.mark.parametrize("path", ["promote", "rollback", "m-1/retire"])
def test_only_the_operator_changes_models(desk: Desk, path: str) -> None:
    desk.problem(403, "POST", f"{ROOT}/models/{path}", {"set_id": "s"})


@pytest.mark.parametrize(
    "query", ["status=SLEEPING", "limit=0", "regime=stormy", "model_type=XG%20B", "cursor=x", "a=1"]
)
def test_a_list_refuses_what_it_does_not_understand(desk: Desk, query: str) -> None:
    desk.problem(400, "GET", f"{ROOT}/models?{query}")


def test_a_damaged_candidate_is_refused_and_the_champion_stays(desk: Desk, registry: Registry, user: str) -> None:
    place = place_of(user)
    first, second = (registered(registry, name, place) for name in ("first", "second"))
    desk.admin("POST", f"{ROOT}/models/promote", {"set_id": first})
    graph = desk.data("GET", f"{ROOT}/sets/{second}")["graph_sha256"]
    registry.shelf.drop(graph)

    refused = desk.problem(422, "POST", f"{ROOT}/models/promote", {"set_id": second}, ADMIN)

    assert refused["code"] == "model_refused"
    assert graph in refused["error"]
    assert champion_of(desk, place) == first


def test_a_set_whose_graph_does_not_run_is_not_promoted(desk: Desk, registry: Registry, user: str) -> None:
    """Its file is whole and signed; only trying tells that it is made for other rows."""
    set_id = registered(registry, "blind", place_of(user), rows_back=3)
    process = desk.process
    graph = set_graph("blind, of one row", 2)
    process.parts.graphs = ShelvedGraphs(process._shelf, lambda content: open_graph(graph))
    try:
        refused = desk.problem(422, "POST", f"{ROOT}/models/promote", {"set_id": set_id}, ADMIN)
    finally:
        process.parts.graphs = ShelvedGraphs(process._shelf)

    assert "does not run on rows of (3, 25)" in refused["error"]
    assert desk.admin("POST", f"{ROOT}/models/promote", {"set_id": set_id})["changed"] is True


def test_a_set_whose_graph_is_too_slow_is_not_promoted(desk: Desk, registry: Registry, user: str) -> None:
    place = place_of(user)
    first, second = (registered(registry, name, place) for name in ("first", "second"))
    desk.admin("POST", f"{ROOT}/models/promote", {"set_id": first})
    process = desk.process
    process.parts.graphs = ShelvedGraphs(process._shelf, slowest_ms=1e-4)
    try:
        refused = desk.problem(422, "POST", f"{ROOT}/models/promote", {"set_id": second}, ADMIN)
    finally:
        process.parts.graphs = ShelvedGraphs(process._shelf)

    assert refused["code"] == "too_slow"
    assert "expected a graph that takes at most 0.0001 ms a row" in refused["error"]
    assert champion_of(desk, place) == first


def test_the_performance_of_a_set_and_a_model_is_told_from_what_happened(
    desk: Desk, registry: Registry, user: str
) -> None:
    set_id = registered(registry, "first", place_of(user))
    model_id = desk.data("GET", f"{ROOT}/sets/{set_id}")["members"][0]["model_id"]
    at_ms = registry.now_ms - 3_600_000
    members = (MemberFigure("xgboost", 1, 0.7, 0.5), MemberFigure("logistic", 1, None, 0.0))
    forecast = Forecast(0.6, set_id, "1", "volatile", members, 0.0, 1.0)
    decided = taken("d-1", at_ms)._replace(user_id=user, forecast=forecast, model_status="ok")
    recorder = DirectRecorder(desk.process._database)
    recorder.record([decided], 0)
    recorder.keep([outcome("t-1", user, pnl_percent=1.5, decision_id="d-1", closed_at_ms=at_ms + 9)], at_ms + 9)

    of_set = desk.data("GET", f"{ROOT}/performance/{set_id}")
    of_model = desk.data("GET", f"{ROOT}/performance/{model_id}?days=7.5")

    assert (of_set["kind"], of_set["predictions"], of_set["marked_to_market"]) == ("set", 1, 0)
    assert of_set["set"]["score"]["hits"] == {"value": 1.0, "low": None, "high": None}
    assert list(of_set["set"]["by_regime"]) == ["volatile"]
    assert of_set["percent"]["value"] == 1.5
    assert [(one["type"], one["weight"]) for one in of_set["members"]] == [("xgboost", 0.5), ("logistic", None)]
    assert of_set["members"][1]["score"] is None
    assert [one["code"] for one in of_set["recommendations"]] == ["wait"]
    assert (of_model["kind"], of_model["set"], of_model["sets"]) == ("model", None, [set_id])
    assert desk.data("GET", f"{ROOT}/performance/{set_id}?days=0.01")["predictions"] == 0
    desk.problem(404, "GET", f"{ROOT}/performance/none-such")
    desk.problem(400, "GET", f"{ROOT}/performance/{set_id}?days=0")


def test_a_set_is_weighed_anew_once_by_the_same_evidence(desk: Desk, registry: Registry, user: str) -> None:
    registry.now_ms -= 400 * HOUR_MS
    set_id = registered(registry, "first", place_of(user), GOOD.model_type, USELESS.model_type, INVERTED.model_type)
    weigh = f"{ROOT}/sets/{set_id}/reweigh"
    before = desk.data("GET", f"{ROOT}/sets/{set_id}")
    assert desk.problem(409, "POST", weigh, None, ADMIN)["code"] == "too_little_evidence"
    speak(desk.process._database, set_id, 300, begin_ms=registry.now_ms)

    first, again = (desk.admin("POST", weigh) for _ in range(2))

    assert (first["changed"], again["changed"]) == (True, False)
    assert first["set_id"] == again["set_id"] != set_id
    assert (first["episodes"], first["predictions"], first["recalibrated"]) == (300, 300, [])
    assert first["weights"]["*"][0] > before["weights"]["*"][0]
    assert desk.data("GET", f"{ROOT}/sets/{first['set_id']}")["provenance"]["reweighed"]["from"] == set_id
    desk.problem(404, "POST", f"{ROOT}/sets/none-such/reweigh", None, ADMIN)
    desk.problem(403, "POST", weigh)
