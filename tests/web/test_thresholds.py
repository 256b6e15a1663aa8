"""Thresholds over HTTP: read, set, reset, history."""

import threading
from typing import Any

import pytest

from ml_service.domain.parameters import PARAMETERS
from tests.web.desk import ADMIN, Desk

DEFAULTS = {name: parameter.default for name, parameter in PARAMETERS.items()}


def put(desk: Desk, user: str, symbol: str | None = None, **changed: float) -> Any:
    body = {"thresholds": changed, "symbol": symbol, "reason": "a test"}
    return desk.data("PUT", f"/api/v1/thresholds/{user}", body)


def get(desk: Desk, user: str, symbol: str = "*") -> Any:
    return desk.data("GET", f"/api/v1/thresholds/{user}?symbol={symbol}")


def test_a_new_user_has_the_defaults_and_their_bounds(desk: Desk, user: str) -> None:
    told = get(desk, user)

    assert (told["thresholds"], told["revision"], told["source"]) == (DEFAULTS, 0, "default")
    assert told["bounds"]["rsi_threshold"] == {"low": 50.0, "high": 90.0, "default": 70.0}
    assert (told["changed_at"], told["last_adaptation"]) == (None, None)


def test_a_change_is_there_for_the_next_reader(desk: Desk, user: str) -> None:
    answered = put(desk, user, rsi_threshold=77, macd_threshold=0.05)

    read = get(desk, user)

    assert read == answered
    assert (read["revision"], read["source"], read["reason"]) == (1, "set", "a test")
    assert read["thresholds"] == {**DEFAULTS, "rsi_threshold": 77.0, "macd_threshold": 0.05}
    assert read["changed_at"].endswith("Z")


def test_a_symbol_follows_until_it_moves_by_itself(desk: Desk, user: str) -> None:
    put(desk, user, rsi_threshold=77)
    following = get(desk, user, "btc/usdt")
    put(desk, user, "BTCUSDT", macd_threshold=0.05)
    own = get(desk, user, "BTCUSDT")

    assert (following["symbol"], following["inherited_from"], following["revision"]) == ("BTCUSDT", "*", 1)
    assert (own["inherited_from"], own["thresholds"]["rsi_threshold"]) == (None, 77.0)


def test_a_reset_puts_the_defaults_back(desk: Desk, user: str) -> None:
    put(desk, user, rsi_threshold=77)

    told = desk.data("POST", f"/api/v1/thresholds/{user}/reset", {"reason": "enough"})

    assert (told["thresholds"], told["revision"], told["source"], told["reason"]) == (DEFAULTS, 2, "reset", "enough")


def test_a_reset_needs_no_body(desk: Desk, user: str) -> None:
    put(desk, user, rsi_threshold=77)

    assert desk.data("POST", f"/api/v1/thresholds/{user}/reset")["revision"] == 2


def test_the_history_tells_every_revision_newest_first(desk: Desk, user: str) -> None:
    for rsi in (71, 72, 73):
        put(desk, user, rsi_threshold=rsi)
    put(desk, user, "BTCUSDT", rsi_threshold=60)

    first = desk.data("GET", f"/api/v1/thresholds/{user}/history?symbol=*&limit=2")
    second = desk.data("GET", f"/api/v1/thresholds/{user}/history?symbol=*&limit=2&cursor={first['next_cursor']}")
    whole = desk.data("GET", f"/api/v1/thresholds/{user}/history")

    rows = first["items"] + second["items"]
    assert [(row["revision"], row["thresholds"]["rsi_threshold"]) for row in rows] == [(3, 73.0), (2, 72.0), (1, 71.0)]
    assert second["next_cursor"] is None
    assert len(whole["items"]) == 4
    assert {"actor", "reason", "source", "settings_hash", "changed_at"} <= set(rows[0])


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"thresholds": {"rsi_threshold": 91}}, "thresholds.rsi_threshold"),
        ({"thresholds": {"rsi_threshold": "70"}}, "thresholds.rsi_threshold"),
        ({"thresholds": {"rsi_threshold": None}}, "thresholds.rsi_threshold"),
        ({"thresholds": {"rsi_threshold": True}}, "thresholds.rsi_threshold"),
        ({"thresholds": {"mood_threshold": 1}}, "thresholds.mood_threshold"),
        ({"thresholds": {}}, "thresholds"),
        ({"thresholds": []}, "thresholds"),
        ({}, "thresholds"),
        ({"thresholds": {"rsi_threshold": 75}, "symbol": "a b"}, "symbol"),
        ({"thresholds": {"rsi_threshold": 75}, "reason": 5}, "reason"),
        ({"thresholds": {"rsi_threshold": 75}, "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_change_is_refused_and_changes_nothing(desk: Desk, user: str, body: dict[str, Any], path: str) -> None:
    problem = desk.problem(400, "PUT", f"/api/v1/thresholds/{user}", body)

    assert [one["path"] for one in problem["errors"]] == [path]
    assert get(desk, user)["revision"] == 0


def test_every_value_outside_its_bounds_is_named_at_once(desk: Desk, user: str) -> None:
    body = {"thresholds": {"rsi_threshold": 1, "volume_threshold": 1, "macd_threshold": 0.05}}

    problem = desk.problem(400, "PUT", f"/api/v1/thresholds/{user}", body)

    assert {one["path"] for one in problem["errors"]} == {"thresholds.rsi_threshold", "thresholds.volume_threshold"}


def test_a_change_is_in_the_audit_trail_with_who_made_it(desk: Desk, user: str) -> None:
    desk.data("PUT", f"/api/v1/thresholds/{user}", {"thresholds": {"rsi_threshold": 75}}, headers=ADMIN)

    entries = desk.admin("GET", "/api/v1/admin/audit?limit=1000")["items"]

    (entry,) = [one for one in entries if one["subject"] == f"{user}/*"]
    assert (entry["action"], entry["actor"]) == ("thresholds.set", "admin-key")
    assert entry["details"]["moved"] == {"rsi_threshold": [70.0, 75.0]}


def test_many_callers_at_once_lose_no_change(desk: Desk, user: str) -> None:
    def write(name: str) -> None:
        parameter = PARAMETERS[name]
        for step in range(1, 6):
            put(desk, user, **{name: parameter.low + (parameter.high - parameter.low) * step / 10})

    threads = [threading.Thread(target=write, args=(name,)) for name in PARAMETERS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    told = get(desk, user)
    history = desk.data("GET", f"/api/v1/thresholds/{user}/history?limit=1000")["items"]
    changed = [row["revision"] for row in history]
    assert changed == list(range(len(changed), 0, -1))
    assert told["thresholds"] == {
        name: parameter.low + (parameter.high - parameter.low) * 5 / 10 for name, parameter in PARAMETERS.items()
    }


# What if


def known(desk: Desk, user: str, confidence: float, pnl: float, **fields: Any) -> None:
    decided = desk.evaluate(user, confidence=confidence)
    trade = {"trade_id": decided["decision_id"], "symbol": decided["symbol"], "decision_id": decided["decision_id"]}
    desk.data("POST", f"/api/v1/outcomes/{user}", {**trade, "pnl": pnl, "risk": 10, **fields})


def test_other_thresholds_over_past_signals_say_what_would_have_changed(desk: Desk, user: str) -> None:
    known(desk, user, 0.85, 5.0)
    known(desk, user, 0.6, 20.0, accepted=False)
    known(desk, user, 0.6, -10.0, accepted=False)
    desk.evaluate(user, confidence=0.6)

    told = desk.data(
        "POST",
        f"/api/v1/thresholds/{user}/what-if",
        {"thresholds": {"confidence_threshold": 0.5}, "symbol": "BTC/USDT"},
    )

    assert [told[name]["count"] for name in ("signals", "taken_now", "taken_then")] == [3, 1, 3]
    assert [told[name]["count"] for name in ("gained", "let_in", "avoided", "missed")] == [1, 1, 0, 0]
    assert told["gained"]["sum_r"] == {"value": 1.95, "low": None, "high": None}
    assert (told["gained"]["counterfactual"], told["gained"]["pnl"], told["haircut_r"]) == (1, 20.0, 0.05)
    assert told["without_outcome"] == {"decisions": 1, "complete": True, "newly_taken": 1, "no_longer_taken": 0}
    assert told["thresholds"]["then"]["confidence_threshold"] == 0.5
    assert (told["symbol"], told["complete"], told["days"]) == ("BTCUSDT", True, 1)
    assert get(desk, user)["revision"] == 0


def test_of_a_user_without_signals_nothing_is_told(desk: Desk, user: str) -> None:
    told = desk.data("POST", f"/api/v1/thresholds/{user}/what-if", {"thresholds": {"rsi_threshold": 60}})

    assert (told["signals"]["count"], told["signals"]["mean_r"], told["difference_per_day_r"]) == (0, None, None)


def test_the_window_is_thirty_days_unless_it_is_named(desk: Desk, user: str) -> None:
    path, wanted = f"/api/v1/thresholds/{user}/what-if", {"thresholds": {"rsi_threshold": 60}}
    known(desk, user, 0.9, 1.0, closed_at="2026-01-05T00:00:00Z", source="import")

    around = desk.data("POST", path, {**wanted, "until": "2026-01-31T00:00:00Z"})
    before = desk.data("POST", path, {**wanted, "since": "2026-01-01T00:00:00Z", "until": "2026-01-05T00:00:00Z"})
    first = desk.data("POST", path, {**wanted, "until": "0001-01-01T00:00:00Z"})

    assert (around["since"], around["until"]) == ("2026-01-01T00:00:00.000Z", "2026-01-31T00:00:00.000Z")
    assert [told["signals"]["count"] for told in (around, before, first)] == [1, 0, 0]


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, ["thresholds"]),
        ({"thresholds": {}}, ["thresholds"]),
        (
            {"thresholds": {"rsi_threshold": 10, "volume_threshold": 1}},
            ["thresholds.rsi_threshold", "thresholds.volume_threshold"],
        ),
        ({"thresholds": {"rsi_threshold": 60}, "limit": 0}, ["limit"]),
        ({"thresholds": {"rsi_threshold": 60}, "limit": 10_001}, ["limit"]),
        (
            {"thresholds": {"rsi_threshold": 60}, "since": "2026-01-02T00:00:00Z", "until": "2026-01-02T00:00:00Z"},
            ["since"],
        ),
    ],
)
def test_a_wrong_question_is_refused_by_name(desk: Desk, user: str, body: dict[str, Any], paths: list[str]) -> None:
    problem = desk.problem(400, "POST", f"/api/v1/thresholds/{user}/what-if", body)

    assert [one["path"] for one in problem["errors"]] == paths
