"""Decisions over HTTP: the list, the look-up, replay, as-of."""

import datetime
from typing import Any

import pytest

from tests.web.desk import Desk


def test_decisions_are_paged_newest_first(desk: Desk, user: str) -> None:
    for number in range(5):
        desk.evaluate(user, {"X-Test-Time": str(1_790_000_000_000 + number)}, decision_id=f"d-{number}")

    first = desk.data("GET", f"/api/v1/decisions/{user}?limit=3")
    second = desk.data("GET", f"/api/v1/decisions/{user}?limit=3&cursor={first['next_cursor']}")

    assert [one["decision_id"] for one in first["items"] + second["items"]] == ["d-4", "d-3", "d-2", "d-1", "d-0"]
    assert second["next_cursor"] is None


def test_decisions_are_narrowed_by_symbol_kind_and_time(desk: Desk, user: str) -> None:
    at = 1_790_000_000_000
    desk.evaluate(user, {"X-Test-Time": str(at)}, decision_id="take")
    desk.evaluate(user, {"X-Test-Time": str(at + 1000)}, decision_id="reject", rsi=90)
    desk.evaluate(user, {"X-Test-Time": str(at + 2000)}, decision_id="eth", symbol="ETHUSDT")
    moment = datetime.datetime.fromtimestamp((at + 1000) / 1000, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def found(query: str) -> list[str]:
        return [one["decision_id"] for one in desk.data("GET", f"/api/v1/decisions/{user}?{query}")["items"]]

    assert found("kind=reject") == ["reject"]
    assert found("symbol=eth-usdt") == ["eth"]
    assert found(f"since={moment}") == ["eth", "reject"]
    assert found(f"until={moment}") == ["take"]


@pytest.mark.parametrize("query", ["limit=0", "cursor=1", "kind=accepted", "since=2026-01-01", "colour=red"])
def test_a_wrong_question_is_refused(desk: Desk, user: str, query: str) -> None:
    desk.problem(400, "GET", f"/api/v1/decisions/{user}?{query}")


def test_a_decision_is_looked_up_with_all_its_provenance(desk: Desk, user: str) -> None:
    answered = desk.evaluate(user, decision_id="own", venue="x")

    found = desk.data("GET", f"/api/v1/decision/{user}/own")

    assert {name: found[name] for name in answered} == answered
    assert (found["action"], found["ignored"], found["kill_switch"], found["untouched"]) == (
        "BUY",
        {"venue": "x"},
        False,
        True,
    )
    assert found["signal"]["rsi"] == 55.0


@pytest.mark.parametrize("path", ["decision/{user}/nobody", "decision/another/own"])
def test_a_decision_that_is_not_there_is_not_found(desk: Desk, user: str, path: str) -> None:
    desk.evaluate(user, decision_id="own")

    desk.problem(404, "GET", f"/api/v1/{path.format(user=user)}")


def test_a_replay_says_that_nothing_differs(desk: Desk, user: str) -> None:
    desk.data("PUT", f"/api/v1/thresholds/{user}", {"thresholds": {"rsi_threshold": 54}})
    desk.evaluate(user, decision_id="own")
    desk.data("POST", f"/api/v1/thresholds/{user}/reset")

    told = desk.data("POST", f"/api/v1/decision/{user}/own/replay")

    assert told == {
        "user_id": user,
        "decision_id": "own",
        "equal": True,
        "differences": [],
        "decision": "reject",
        "code": "limit_missed",
    }


def test_a_replay_names_what_was_changed(desk: Desk, user: str) -> None:
    desk.evaluate(user, decision_id="own", rsi=90)
    with desk.process._database.write() as connection:
        connection.exec_driver_sql("UPDATE decisions SET decision = 'take' WHERE user_id = ?", (user,))

    told = desk.data("POST", f"/api/v1/decision/{user}/own/replay")

    assert told["equal"] is False
    assert "the row was changed after it was written" in told["differences"]
    assert desk.data("GET", f"/api/v1/decision/{user}/own")["untouched"] is False


def test_a_replay_of_nothing_is_not_found(desk: Desk, user: str) -> None:
    desk.problem(404, "POST", f"/api/v1/decision/{user}/nobody/replay")


def change(desk: Desk, user: str, at_ms: int, rsi: float, symbol: str | None = None) -> None:
    body: dict[str, Any] = {"thresholds": {"rsi_threshold": rsi}, "symbol": symbol}
    desk.data("PUT", f"/api/v1/thresholds/{user}", body, headers={"X-Test-Time": str(at_ms)})


def as_of(desk: Desk, user: str, at_ms: int, symbol: str = "BTCUSDT") -> Any:
    at = datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC).isoformat().replace("+00:00", "Z")
    return desk.data("GET", f"/api/v1/as-of?user_id={user}&symbol={symbol}&at={at}")


def test_as_of_tells_which_revision_served_then(desk: Desk, user: str) -> None:
    at = 1_790_000_000_000
    change(desk, user, at, 60)
    change(desk, user, at + 10_000, 61)
    change(desk, user, at + 20_000, 62, "BTCUSDT")

    told = [as_of(desk, user, at + seconds * 1000) for seconds in (-1, 5, 15, 25)]

    assert [one["revision"] for one in told] == [0, 1, 2, 1]
    assert [one["thresholds"]["rsi_threshold"] for one in told] == [70.0, 60.0, 61.0, 62.0]
    assert [one["inherited_from"] for one in told] == ["*", "*", "*", None]
    assert told[0]["model"] is None


@pytest.mark.parametrize("query", ["", "user_id=a", "at=2026-01-01T00:00:00Z", "user_id=a&at=now", "user_id=a b&at=x"])
def test_as_of_needs_a_user_and_a_time(desk: Desk, query: str) -> None:
    desk.problem(400, "GET", f"/api/v1/as-of?{query}")
