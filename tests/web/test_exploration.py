"""Exploration through the front door: what is answered, kept and counted of signals taken to learn from them."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.web.desk import ADMIN, Desk, opened

SHARE = 0.2


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One web process that explores as much as the settings allow."""
    with opened(tmp_path_factory.mktemp("web"), ML_SERVICE__ADAPTATION__EXPLORATION=str(SHARE)) as started:
        yield started


def refused(desk: Desk, user: str, count: int = 60) -> list[dict[str, Any]]:
    """Answers to signals that miss a limit; some of them are explored."""
    signals = [
        {"symbol": "BTCUSDT", "action": "BUY", "confidence": 0.85, "rsi": 80, "decision_id": f"d-{number}"}
        for number in range(count)
    ]
    told = desk.data("POST", f"/api/v1/evaluate/{user}/batch", {"signals": signals})
    return [one["data"] for one in told["results"]]


def explored(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = [one for one in answers if one["code"] == "explored"]
    assert found
    return found


def test_an_explored_signal_is_answered_as_a_take_that_says_why(desk: Desk, user: str) -> None:
    answer = explored(refused(desk, user))[0]

    assert (answer["should_trade"], answer["decision"]) == (True, "take")
    assert answer["reasoning"] == (
        "take: explored although rsi 80 misses its limit 70 (20 % of such signals are taken, to learn from them)"
    )
    assert answer["reasons"][-1] == {
        "code": "explored",
        "parameter": None,
        "value": SHARE,
        "limit": None,
        "verdict": "pass",
    }


def test_the_others_are_refused_as_ever_and_say_with_what_chance(desk: Desk, user: str) -> None:
    others = [one for one in refused(desk, user) if one["code"] == "limit_missed"]

    assert {(one["should_trade"], one["reasoning"]) for one in others} == {
        (False, "reject: rsi 80 misses its limit 70"),
    }
    assert {(one["reasons"][-1]["code"], one["reasons"][-1]["value"]) for one in others} == {("not_explored", 0.8)}


def test_what_passes_is_answered_as_without_exploration(desk: Desk, user: str) -> None:
    answer = desk.evaluate(user)

    assert answer["code"] == "all_passed"
    assert len(answer["reasons"]) == len(answer["thresholds"])


def test_a_repeat_gets_the_same_draw(desk: Desk, user: str) -> None:
    assert [one["code"] for one in refused(desk, user)] == [one["code"] for one in refused(desk, user)]


def test_every_decision_replays_to_the_same(desk: Desk, user: str) -> None:
    for answer in refused(desk, user):
        told = desk.data("POST", f"/api/v1/decision/{user}/{answer['decision_id']}/replay")
        assert (told["equal"], told["differences"], told["code"]) == (True, [], answer["code"])


def test_it_is_listed_looked_up_and_exported_under_its_code(desk: Desk, user: str) -> None:
    answers = refused(desk, user)
    first = explored(answers)[0]

    looked_up = desk.data("GET", f"/api/v1/decision/{user}/{first['decision_id']}")
    taken = desk.data("GET", f"/api/v1/decisions/{user}?kind=take&limit=200")["items"]
    rows = desk.call("GET", f"/api/v1/export/decisions/{user}?format=jsonl").text.splitlines()

    assert (looked_up["reasons"], looked_up["untouched"]) == (first["reasons"], True)
    assert {one["decision_id"] for one in taken} == {one["decision_id"] for one in explored(answers)}
    assert sum(orjson.loads(row)["code"] == "explored" for row in rows) == len(explored(answers))


def test_under_the_kill_switch_nothing_is_explored(desk: Desk, user: str) -> None:
    desk.admin("POST", "/api/v1/kill-switch", {"on": True, "reason": "a test", "user_id": user})

    assert {one["code"] for one in refused(desk, user)} == {"kill_switch"}


def test_an_explored_trade_counts_as_a_trade_and_not_as_a_rejected_one(desk: Desk, user: str) -> None:
    answers = refused(desk, user)
    traded = explored(answers)[0]["decision_id"]
    left = next(one["decision_id"] for one in answers if one["code"] == "limit_missed")
    desk.data(
        "POST",
        f"/api/v1/outcomes/{user}",
        [
            {"trade_id": "real", "symbol": "BTCUSDT", "pnl": 5.0, "risk": 1.0, "decision_id": traded},
            {"trade_id": "marked", "symbol": "BTCUSDT", "pnl": 7.0, "decision_id": left, "accepted": False},
        ],
    )

    found = desk.data("GET", f"/api/v1/performance/{user}")
    counted = desk.data("GET", f"/api/v1/analytics/{user}", headers=ADMIN)

    assert (found["total_trades"], found["total_pnl"], found["counterfactual"]) == (1, 5.0, 1)
    assert counted["rejected"]["count"] == 1
    assert counted["decisions"]["codes"]["explored"] == len(explored(answers))
