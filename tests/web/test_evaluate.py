"""POST /api/v1/evaluate: both shapes, every answer a decision, every mistake named."""

import threading
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from ml_service.adapters.store.recorder import Patience
from tests.web.desk import ADMIN, ADMIN_KEY, SIGNAL, Desk

VECTORS = [
    vector
    for vector in orjson.loads((Path(__file__).resolve().parents[1] / "vectors" / "gate.json").read_bytes())
    if not vector["on_missing"] and not vector["killed"] and vector["probability"] is None
]

FIELDS = {
    "user_id",
    "symbol",
    "should_trade",
    "confidence_adjustment",
    "threshold_adjustments",
    "reasoning",
    "processing_time_ms",
    "evaluated_at",
    "decision_id",
    "decision",
    "code",
    "adjusted_confidence",
    "probability",
    "thresholds",
    "thresholds_revision",
    "thresholds_symbol",
    "reasons",
    "model",
    "model_status",
    "regime",
    "features",
    "degraded",
    "ignored_fields",
    "settings_hash",
}


# The existing bot


def test_the_existing_bot_gets_its_answer(desk: Desk) -> None:
    """Its own request: a user, six fields, no key, no timeout."""
    answer = desk.data("POST", "/api/v1/evaluate/user-1", {"signal": SIGNAL})

    assert set(answer) == FIELDS
    assert answer["should_trade"] is True
    assert (answer["decision"], answer["code"], answer["symbol"]) == ("take", "all_passed", "BTCUSDT")
    assert (answer["degraded"], answer["model"], answer["probability"]) == ([], None, None)
    assert (answer["adjusted_confidence"], answer["confidence_adjustment"]) == (0.85, 0.0)
    assert answer["evaluated_at"].endswith("Z")
    assert answer["processing_time_ms"] >= 0


def test_reasons_are_data(desk: Desk, user: str) -> None:
    reasons = desk.evaluate(user, rsi=80)["reasons"]

    assert reasons[1] == {
        "code": "rsi_failed",
        "parameter": "rsi_threshold",
        "value": 80.0,
        "limit": 70.0,
        "verdict": "fail",
    }
    assert len(reasons) == 6


def test_both_shapes_and_the_alias_say_the_same(desk: Desk, user: str) -> None:
    wrapped = desk.data("POST", f"/api/v1/evaluate/{user}", {"signal": SIGNAL})
    bare = desk.data("POST", f"/api/v1/evaluate/{user}", SIGNAL)
    alias = desk.data("POST", "/evaluate", {"user_id": user, "signal": SIGNAL})
    bare_alias = desk.data("POST", "/evaluate", {"user_id": user, **SIGNAL})

    different = {"decision_id", "evaluated_at", "processing_time_ms"}
    told = [
        {name: value for name, value in one.items() if name not in different}
        for one in (wrapped, bare, alias, bare_alias)
    ]
    assert told == [told[0]] * 4
    assert told[0]["ignored_fields"] == []
    assert told[0]["user_id"] == user


@pytest.mark.parametrize("user_id", [None, 7, "", "*", "a b", "a/b", "ä", "x" * 129])
def test_the_alias_needs_a_user_in_its_body(desk: Desk, user_id: Any) -> None:
    problem = desk.problem(400, "POST", "/evaluate", {"user_id": user_id, "signal": SIGNAL})

    assert [one["path"] for one in problem["errors"]] == ["user_id"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_shared_vector_comes_out_as_written_over_http(desk: Desk, user: str, vector: dict[str, Any]) -> None:
    desk.data("PUT", f"/api/v1/thresholds/{user}", {"thresholds": vector["thresholds"]})

    answer = desk.data("POST", f"/api/v1/evaluate/{user}", {"signal": vector["signal"]})

    expected = vector["expected"]
    assert {name: answer[name] for name in expected} == expected
    assert answer["thresholds"] == vector["thresholds"]


# What a signal may look like


@pytest.mark.parametrize(
    ("given", "symbol"),
    [
        ("BTCUSDT", "BTCUSDT"),
        ("btcusdt", "BTCUSDT"),
        ("BTC/USDT", "BTCUSDT"),
        ("btc-usdt", "BTCUSDT"),
        ("BTC_USDT", "BTCUSDT"),
        ("BTC/USDT:USDT", "BTCUSDTUSDT"),
        ("1000SHIB.P", "1000SHIB.P"),
        (None, "*"),
        ("*", "*"),
    ],
)
def test_symbols_are_written_in_one_way(desk: Desk, user: str, given: str | None, symbol: str) -> None:
    assert desk.evaluate(user, symbol=given)["symbol"] == symbol


def test_a_signal_without_a_symbol_is_about_all_of_them(desk: Desk, user: str) -> None:
    given = {name: value for name, value in SIGNAL.items() if name != "symbol"}

    assert desk.data("POST", f"/api/v1/evaluate/{user}", {"signal": given})["symbol"] == "*"


@pytest.mark.parametrize("action", ["BUY", "buy", "Buy"])
def test_actions_are_read_in_any_case(desk: Desk, user: str, action: str) -> None:
    assert desk.evaluate(user, action=action)["should_trade"] is True


def test_hold_is_a_rejection_and_no_action_an_abstention(desk: Desk, user: str) -> None:
    hold, none = desk.evaluate(user, action="hold"), desk.evaluate(user, action=None)

    assert (hold["should_trade"], hold["decision"], hold["code"]) == (False, "reject", "hold")
    assert (none["should_trade"], none["decision"], none["code"]) == (False, "abstain", "no_action")


def test_null_is_missing_and_zero_is_not(desk: Desk, user: str) -> None:
    missing = desk.evaluate(user, rsi=None, confidence=None)
    zero = desk.evaluate(user, volume=0)

    assert [one["verdict"] for one in missing["reasons"]][:2] == ["none", "none"]
    assert missing["adjusted_confidence"] is None
    assert missing["should_trade"] is True
    assert zero["should_trade"] is False


def test_fields_that_vanished_from_the_json_are_no_opinion(desk: Desk, user: str) -> None:
    answer = desk.data("POST", f"/api/v1/evaluate/{user}", {"signal": {"symbol": "BTCUSDT", "action": "BUY"}})

    assert (answer["decision"], answer["code"]) == ("abstain", "no_parameters")


def test_unknown_fields_are_named_once_and_kept(desk: Desk, user: str) -> None:
    body = {"signal": {**SIGNAL, "enrichment": {"news": [1, 2]}, "note": "x"}, "cycle": 7}

    answer = desk.data("POST", f"/api/v1/evaluate/{user}", body)

    assert sorted(answer["ignored_fields"]) == ["cycle", "enrichment", "note"]
    kept = desk.data("GET", f"/api/v1/decision/{user}/{answer['decision_id']}")
    assert kept["ignored"] == {"enrichment": {"news": [1, 2]}, "note": "x", "cycle": 7}


def test_known_fields_that_the_gate_does_not_read_are_not_ignored(desk: Desk, user: str) -> None:
    details: dict[str, Any] = {
        "price": 100.5,
        "stop": 99,
        "target": 103,
        "risk": 20,
        "horizon_minutes": 60,
        "signal_id": "s-1",
    }

    answer = desk.evaluate(user, **details)

    assert answer["ignored_fields"] == []
    kept = desk.data("GET", f"/api/v1/decision/{user}/{answer['decision_id']}")
    assert {name: kept["signal"][name] for name in details} == details


# Mistakes


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("confidence", "0.8"),
        ("confidence", 1.0001),
        ("confidence", -0.1),
        ("confidence", True),
        ("confidence", [0.5]),
        ("rsi", 100.5),
        ("rsi", -1),
        ("rsi", {}),
        ("volume", -1),
        ("volume", "much"),
        ("macd", "x"),
        ("ma_crossover", []),
        ("change_percent", "2%"),
        ("momentum", {}),
        ("symbol", 5),
        ("symbol", ""),
        ("symbol", "BTC USDT"),
        ("symbol", "x" * 100),
        ("action", "LONG"),
        ("action", 1),
        ("reduce_only", "yes"),
        ("reduce_only", 1),
        ("price", 0),
        ("stop", -5),
        ("signal_id", ""),
        ("decision_id", "a b"),
        ("decision_id", "a/b"),
        ("decision_id", 7),
    ],
)
def test_a_wrong_field_is_named_with_its_path(desk: Desk, user: str, field: str, value: Any) -> None:
    problem = desk.problem(400, "POST", f"/api/v1/evaluate/{user}", {"signal": {**SIGNAL, field: value}})

    assert problem["code"] == "invalid_input"
    assert [one["path"] for one in problem["errors"]] == [f"signal.{field}"]


def test_every_wrong_field_is_named_at_once(desk: Desk, user: str) -> None:
    problem = desk.problem(
        400, "POST", f"/api/v1/evaluate/{user}", {**SIGNAL, "rsi": "x", "volume": -1, "action": "LONG"}
    )

    assert {one["path"] for one in problem["errors"]} == {"rsi", "volume", "action"}
    assert all("found" in one["message"] for one in problem["errors"])


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "1e999", "nan", "1" * 400])
def test_what_is_no_finite_number_is_refused(desk: Desk, user: str, token: str) -> None:
    raw = b'{"signal": {"symbol": "BTCUSDT", "action": "BUY", "macd": ' + token.encode() + b"}}"

    desk.problem(400, "POST", f"/api/v1/evaluate/{user}", raw=raw)


@pytest.mark.parametrize("body", [[], "text", 5, None, {"signal": []}, {"signal": "x"}, {"signal": 5}])
def test_what_is_no_signal_is_refused(desk: Desk, user: str, body: Any) -> None:
    desk.problem(400, "POST", f"/api/v1/evaluate/{user}", raw=orjson.dumps(body))


def test_nothing_is_stored_from_a_refused_request(desk: Desk, user: str) -> None:
    desk.problem(400, "POST", f"/api/v1/evaluate/{user}", {"signal": {**SIGNAL, "rsi": "x", "decision_id": "own"}})

    assert desk.stored_decisions(user) == []
    assert desk.evaluate(user, decision_id="own")["code"] == "all_passed"


# Ids


def test_the_same_id_gets_the_first_answer(desk: Desk, user: str) -> None:
    first = desk.evaluate(user, decision_id="own")
    desk.data("PUT", f"/api/v1/thresholds/{user}", {"thresholds": {"confidence_threshold": 0.99}})

    again = desk.evaluate(user, decision_id="own")

    assert again == first
    assert len(desk.stored_decisions(user)) == 1


def test_the_id_may_stand_beside_the_signal(desk: Desk, user: str) -> None:
    beside = desk.data("POST", f"/api/v1/evaluate/{user}", {"signal": SIGNAL, "decision_id": "own"})
    inside = desk.evaluate(user, decision_id="own")

    assert (beside["decision_id"], beside["ignored_fields"]) == ("own", [])
    assert inside == beside


def test_the_same_id_for_another_signal_is_an_abstention(desk: Desk, user: str) -> None:
    desk.evaluate(user, decision_id="own")

    reused = desk.evaluate(user, decision_id="own", rsi=56)

    assert (reused["should_trade"], reused["decision"], reused["code"]) == (False, "abstain", "decision_id_reused")
    assert desk.data("GET", f"/api/v1/decision/{user}/own")["code"] == "all_passed"


def test_users_do_not_share_decision_ids(desk: Desk, user: str) -> None:
    desk.evaluate(user, decision_id="own")

    assert desk.evaluate(f"{user}-b", decision_id="own", rsi=80)["code"] == "limit_missed"


def test_an_id_of_ours_sent_back_gets_the_same_answer(desk: Desk, user: str) -> None:
    first = desk.evaluate(user)

    again = desk.evaluate(user, decision_id=first["decision_id"])

    assert again == first


# Thresholds, deadlines, the log


def test_moved_thresholds_decide_and_are_told(desk: Desk, user: str) -> None:
    desk.data("PUT", f"/api/v1/thresholds/{user}", {"symbol": "ETHUSDT", "thresholds": {"rsi_threshold": 50}})

    moved, other = desk.evaluate(user, symbol="ETHUSDT"), desk.evaluate(user)

    assert (moved["should_trade"], moved["thresholds_revision"], moved["thresholds_symbol"]) == (False, 1, "ETHUSDT")
    assert moved["threshold_adjustments"]["rsi_threshold"] == -20.0
    assert (other["should_trade"], other["thresholds_revision"]) == (True, 0)
    assert set(other["threshold_adjustments"].values()) == {0.0}


@pytest.mark.parametrize("deadline", ["0", "1", "5"])
def test_a_short_deadline_is_kept_with_a_decision(desk: Desk, user: str, deadline: str) -> None:
    began = time.monotonic()

    answer = desk.evaluate(user, {"X-Request-Deadline-Ms": deadline})

    assert answer["decision"] == "take"
    assert time.monotonic() - began < 2.0


def test_a_deadline_bounds_the_wait_for_a_slow_journal(desk: Desk, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder: Any = desk.process._recorder
    monkeypatch.setattr(recorder, "_main_answers", lambda: False)
    monkeypatch.setattr(recorder, "_patience", Patience(journal_wait_ms=10_000))
    write, free = recorder._side._write, threading.Event()
    monkeypatch.setattr(recorder._side, "_write", lambda group: (free.wait(10), write(group))[1])

    began = time.monotonic()
    hurried = desk.evaluate(user, {"X-Request-Deadline-Ms": "100"})
    took = time.monotonic() - began
    free.set()
    patient = desk.evaluate(user)

    assert (hurried["decision"], hurried["degraded"]) == ("take", ["unrecorded"])
    assert took < 1.0
    assert (patient["decision"], patient["degraded"]) == ("take", [])


@pytest.mark.parametrize("deadline", ["", "soon", "-5", "1e3", "9" * 40])
def test_a_deadline_that_makes_no_sense_is_no_deadline(desk: Desk, user: str, deadline: str) -> None:
    assert desk.evaluate(user, {"X-Request-Deadline-Ms": deadline})["degraded"] == []


def test_each_request_leaves_one_wide_line(desk: Desk, user: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        desk.evaluate(user, {"X-Request-Id": f"trace-{user}"})

    (line,) = desk.lines.of(f"trace-{user}")
    assert (line["event"], line["status"], line["method"]) == ("request", 200, "POST")
    assert line["route"] == "/api/v1/evaluate/<user_id>"
    assert (line["decision"], line["code"], line["revision"]) == ("take", "all_passed", 0)
    assert {"duration_ms", "caller", "decision_id", "symbol", "user_id", "timestamp"} <= set(line)


def test_no_secret_is_in_the_line_of_a_request(desk: Desk, user: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        desk.evaluate(user, {"X-Request-Id": f"quiet-{user}", **ADMIN})

    assert desk.lines.of(f"quiet-{user}")
    assert ADMIN_KEY not in "".join(desk.lines.text)
