"""POST /api/v1/evaluate/{user}/batch: up to a thousand signals, in order, each with its own fate."""

from typing import Any

import pytest

from tests.web.desk import SIGNAL, Desk


def batch(desk: Desk, user: str, signals: list[Any]) -> dict[str, Any]:
    answer: dict[str, Any] = desk.data("POST", f"/api/v1/evaluate/{user}/batch", {"signals": signals})
    return answer


def test_results_come_in_the_order_of_the_signals(desk: Desk, user: str) -> None:
    signals = [{**SIGNAL, "symbol": f"COIN{number}", "rsi": 60 + number} for number in range(20)]

    answer = batch(desk, user, signals)

    assert (answer["user_id"], answer["count"]) == (user, 20)
    assert [one["index"] for one in answer["results"]] == list(range(20))
    assert [one["data"]["symbol"] for one in answer["results"]] == [one["symbol"] for one in signals]
    assert [one["data"]["should_trade"] for one in answer["results"]] == [True] * 11 + [False] * 9


def test_both_shapes_may_stand_side_by_side(desk: Desk, user: str) -> None:
    results = batch(desk, user, [SIGNAL, {"signal": SIGNAL, "decision_id": "own"}])["results"]

    assert [one["data"]["should_trade"] for one in results] == [True, True]
    assert results[1]["data"]["decision_id"] == "own"


def test_a_wrong_signal_gets_its_own_error_and_fails_no_other(desk: Desk, user: str) -> None:
    signals: list[Any] = [SIGNAL, {**SIGNAL, "rsi": "x"}, "text", None, [], {**SIGNAL, "action": "hold"}]

    results = batch(desk, user, signals)["results"]

    assert [one["success"] for one in results] == [True, False, False, False, False, True]
    assert [one["index"] for one in results] == list(range(6))
    assert results[1]["code"] == "invalid_input"
    assert [one["path"] for one in results[1]["errors"]] == ["rsi"]
    assert results[5]["data"]["code"] == "hold"
    assert len(desk.stored_decisions(user)) == 2


def test_a_batch_says_the_same_as_single_calls(desk: Desk, user: str) -> None:
    signals = [SIGNAL, {**SIGNAL, "rsi": 90}, {"symbol": "ETHUSDT", "action": "SELL", "macd": 0.1}, {"action": "BUY"}]

    together = [one["data"] for one in batch(desk, user, signals)["results"]]
    alone = [desk.data("POST", f"/api/v1/evaluate/{user}", one) for one in signals]

    different = {"decision_id", "evaluated_at", "processing_time_ms"}
    for one, other in zip(together, alone, strict=True):
        assert {name: one[name] for name in one if name not in different} == {
            name: other[name] for name in other if name not in different
        }


def test_a_thousand_signals_are_decided_and_recorded(desk: Desk, user: str) -> None:
    signals = [{**SIGNAL, "decision_id": f"d-{number}", "confidence": number / 1000} for number in range(1000)]

    results = batch(desk, user, signals)["results"]

    assert [one["data"]["decision_id"] for one in results] == [f"d-{number}" for number in range(1000)]
    assert sum(one["data"]["should_trade"] for one in results) == 350
    assert {tuple(one["data"]["degraded"]) for one in results} == {()}
    page = desk.data("GET", f"/api/v1/decisions/{user}?limit=1000")
    assert len(page["items"]) == 1000
    assert page["next_cursor"] is None


def test_more_than_a_thousand_are_refused_whole(desk: Desk, user: str) -> None:
    desk.problem(400, "POST", f"/api/v1/evaluate/{user}/batch", {"signals": [{"action": "HOLD"}] * 1001})

    assert desk.stored_decisions(user) == []


def test_a_batch_may_be_larger_than_a_single_body(desk: Desk, user: str) -> None:
    long = {**SIGNAL, "note": "x" * 500}

    assert batch(desk, user, [long] * 900)["count"] == 900


@pytest.mark.parametrize("body", [{}, {"signals": []}, {"signals": {}}, {"signals": [SIGNAL], "more": 1}, [SIGNAL]])
def test_what_is_no_batch_is_refused(desk: Desk, user: str, body: Any) -> None:
    desk.problem(400, "POST", f"/api/v1/evaluate/{user}/batch", body)


def test_a_repeated_id_within_a_batch_gets_one_answer(desk: Desk, user: str) -> None:
    same, other = {**SIGNAL, "decision_id": "own"}, {**SIGNAL, "decision_id": "own", "rsi": 1}

    results = batch(desk, user, [same, same, other])["results"]

    assert [one["data"]["code"] for one in results] == ["all_passed", "all_passed", "decision_id_reused"]
    assert len(desk.stored_decisions(user)) == 1


def test_a_batch_sent_again_gets_the_first_answers(desk: Desk, user: str) -> None:
    signals = [{**SIGNAL, "decision_id": f"d-{number}"} for number in range(10)]

    first, again = batch(desk, user, signals), batch(desk, user, signals)

    assert first == again
