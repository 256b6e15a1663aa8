"""The kill switch over HTTP: on for the service, off for the admin, effective with the next decision."""

from collections.abc import Iterator

import pytest

from tests.web.desk import ADMIN, Desk


@pytest.fixture(autouse=True)
def off_afterwards(desk: Desk) -> Iterator[None]:
    yield
    desk.admin("POST", "/api/v1/kill-switch", {"on": False})


def test_on_stops_the_next_decision_and_off_lifts_it(desk: Desk, user: str) -> None:
    before = desk.evaluate(user)
    desk.data("POST", "/api/v1/kill-switch", {"on": True, "reason": "flash crash"})
    under = desk.evaluate(user)
    desk.admin("POST", "/api/v1/kill-switch", {"on": False})
    after = desk.evaluate(user)

    assert [one["code"] for one in (before, under, after)] == ["all_passed", "kill_switch", "all_passed"]
    assert (under["should_trade"], under["decision"]) == (False, "reject")


def test_closing_a_position_stays_allowed(desk: Desk, user: str) -> None:
    desk.data("POST", "/api/v1/kill-switch", {"on": True})

    assert desk.evaluate(user, action="SELL", change_percent=-2.5, reduce_only=True)["code"] == "all_passed"


def test_a_decision_under_it_is_marked_and_replays_the_same(desk: Desk, user: str) -> None:
    desk.data("POST", "/api/v1/kill-switch", {"on": True})
    desk.evaluate(user, decision_id="own")
    desk.admin("POST", "/api/v1/kill-switch", {"on": False})

    assert desk.data("GET", f"/api/v1/decision/{user}/own")["kill_switch"] is True
    assert desk.data("POST", f"/api/v1/decision/{user}/own/replay")["equal"] is True


def test_one_user_can_be_stopped_alone(desk: Desk, user: str) -> None:
    desk.data("POST", "/api/v1/kill-switch", {"on": True, "user_id": user})

    assert desk.evaluate(user)["code"] == "kill_switch"
    assert desk.evaluate(f"{user}-b")["code"] == "all_passed"
    desk.admin("POST", "/api/v1/kill-switch", {"on": False, "user_id": user})
    assert desk.evaluate(user)["code"] == "all_passed"


def test_it_tells_where_it_stands(desk: Desk, user: str) -> None:
    answered = desk.data("POST", "/api/v1/kill-switch", {"on": True, "reason": "flash crash"})

    told = desk.data("GET", "/api/v1/kill-switch")

    assert answered["stored"] == "database"
    assert (told["on"], told["file_unreadable"]) == (True, False)
    (switch,) = [one for one in told["switches"] if one["user_id"] == "*"]
    assert (switch["on"], switch["reason"], switch["actor"]) == (True, "flash crash", "trusted-network")
    assert switch["changed_at"].endswith("Z")


def test_only_the_admin_may_switch_off(desk: Desk, user: str) -> None:
    desk.data("POST", "/api/v1/kill-switch", {"on": True})

    desk.problem(403, "POST", "/api/v1/kill-switch", {"on": False})

    assert desk.evaluate(user)["code"] == "kill_switch"


@pytest.mark.parametrize("body", [{}, {"on": "yes"}, {"on": 1}, {"on": None}, {"on": True, "user_id": "a b"}, [True]])
def test_a_turn_that_makes_no_sense_is_refused(desk: Desk, body: object) -> None:
    desk.problem(400, "POST", "/api/v1/kill-switch", body)

    assert desk.data("GET", "/api/v1/kill-switch")["on"] is False


def test_each_turn_is_in_the_audit_trail(desk: Desk) -> None:
    desk.data("POST", "/api/v1/kill-switch", {"on": True, "reason": "for the trail"}, headers=ADMIN)

    entries = desk.admin("GET", "/api/v1/admin/audit?limit=1000")["items"]

    told = [one for one in entries if one["details"].get("reason") == "for the trail"]
    assert [(one["action"], one["actor"], one["subject"]) for one in told] == [("kill_switch.on", "admin-key", "*")]
