"""Idempotency-Key: sent twice, done once, and both hear the same."""

import threading
from typing import Any

import pytest

from tests.web.desk import ADMIN, Desk

OUTCOME: dict[str, Any] = {"trade_id": "t-1", "symbol": "BTCUSDT", "pnl": 1.0}


def test_a_request_sent_twice_is_done_once_and_answered_alike(desk: Desk, user: str) -> None:
    body = {"thresholds": {"rsi_threshold": 75}}
    key = {"Idempotency-Key": f"{user}-1"}

    first = desk.call("PUT", f"/api/v1/thresholds/{user}", body, key)
    desk.data("PUT", f"/api/v1/thresholds/{user}", {"thresholds": {"rsi_threshold": 60}})
    again = desk.call("PUT", f"/api/v1/thresholds/{user}", body, key)

    assert (again.status_code, again.data, again.content_type) == (200, first.data, "application/json")
    assert desk.data("GET", f"/api/v1/thresholds/{user}")["thresholds"]["rsi_threshold"] == 60.0


def test_a_refusal_is_remembered_as_well(desk: Desk, user: str) -> None:
    key = {"Idempotency-Key": f"{user}-1"}
    first = desk.call("POST", f"/api/v1/outcomes/{user}", {**OUTCOME, "pnl": "x"}, key)

    again = desk.call("POST", f"/api/v1/outcomes/{user}", {**OUTCOME, "pnl": "x"}, key)

    assert (first.status_code, again.status_code) == (400, 400)
    assert again.data == first.data
    assert again.content_type == "application/problem+json"


def test_another_body_under_the_same_key_is_unprocessable(desk: Desk, user: str) -> None:
    key = {"Idempotency-Key": f"{user}-1"}
    desk.data("POST", f"/api/v1/outcomes/{user}", OUTCOME, headers=key)

    problem = desk.problem(422, "POST", f"/api/v1/outcomes/{user}", {**OUTCOME, "trade_id": "t-2"}, key)

    assert problem["code"] == "idempotency_key_reused"
    assert len(desk.stored_outcomes(user)) == 1


def test_one_key_serves_each_user_and_each_route_of_a_caller_by_itself(desk: Desk, user: str) -> None:
    # A bot that names its call after its cycle says the same for all its users.
    key = {"Idempotency-Key": f"{user}-1"}
    values = {"thresholds": {"rsi_threshold": 75}}
    desk.data("POST", f"/api/v1/outcomes/{user}", OUTCOME, headers=key)

    another_user = desk.data("POST", f"/api/v1/outcomes/{user}-b", OUTCOME, headers=key)
    another_route = desk.data("PUT", f"/api/v1/thresholds/{user}", values, headers=key)

    assert (another_user["status"], another_user["user_id"]) == ("created", f"{user}-b")
    assert another_route["revision"] == 1
    desk.problem(422, "POST", f"/api/v1/outcomes/{user}-b", {**OUTCOME, "pnl": 2.0}, key)


def test_callers_do_not_share_keys(desk: Desk, user: str) -> None:
    key = {"Idempotency-Key": f"{user}-1"}
    desk.data("POST", f"/api/v1/outcomes/{user}", OUTCOME, headers=key)

    other = desk.data("POST", f"/api/v1/outcomes/{user}", {**OUTCOME, "trade_id": "t-2"}, headers={**key, **ADMIN})

    assert other["status"] == "created"


def test_while_the_first_is_under_way_the_second_is_a_conflict(
    desk: Desk, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = {"Idempotency-Key": f"{user}-1"}
    recorder = desk.process.parts.recorder
    started, go_on = threading.Event(), threading.Event()
    keep = recorder.keep

    def slowly(*given: Any) -> Any:
        started.set()
        assert go_on.wait(10)
        return keep(*given)

    monkeypatch.setattr(recorder, "keep", slowly)
    first = threading.Thread(target=desk.call, args=("POST", f"/api/v1/outcomes/{user}", OUTCOME, key))
    first.start()
    assert started.wait(10)

    problem = desk.problem(409, "POST", f"/api/v1/outcomes/{user}", OUTCOME, key)
    go_on.set()
    first.join()

    assert problem["code"] == "request_in_flight"
    again = desk.data("POST", f"/api/v1/outcomes/{user}", OUTCOME, headers=key)
    assert again["status"] == "created"


def test_a_failure_of_ours_leaves_the_key_free(desk: Desk, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    key = {"Idempotency-Key": f"{user}-1"}

    def broken(*_: Any) -> Any:
        raise RuntimeError("unexpected")

    with monkeypatch.context() as patch:
        patch.setattr(desk.process.parts.recorder, "keep", broken)
        desk.problem(500, "POST", f"/api/v1/outcomes/{user}", OUTCOME, key)

    assert desk.data("POST", f"/api/v1/outcomes/{user}", OUTCOME, headers=key)["status"] == "created"


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "ä"])
def test_a_key_that_makes_no_sense_is_refused(desk: Desk, user: str, key: str) -> None:
    desk.problem(400, "POST", f"/api/v1/outcomes/{user}", OUTCOME, {"Idempotency-Key": key})

    assert desk.stored_outcomes(user) == []


def test_on_evaluate_the_decision_id_does_this_and_the_key_is_left_alone(desk: Desk, user: str) -> None:
    key = {"Idempotency-Key": "same"}

    assert desk.evaluate(user, key, rsi=50)["code"] == "all_passed"
    assert desk.evaluate(user, key, rsi=90)["code"] == "limit_missed"


def test_a_secret_is_never_kept_for_repeats(desk: Desk, user: str) -> None:
    body = {"scope": "user", "users": [user]}

    desk.problem(400, "POST", "/api/v1/admin/keys", body, {**ADMIN, "Idempotency-Key": f"{user}-1"})
