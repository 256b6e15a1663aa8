"""Adaptation through the door: what a bot, a cron job and a quant see of it."""

from typing import Any

import pytest

from tests.usecases.trading import evening, trade
from tests.web.desk import Desk

BTC = "BTCUSDT"


LATER = {"X-Test-Time": str(evening(40))}


@pytest.fixture
def traded(desk: Desk, user: str) -> str:
    """A user with forty days of trades behind them."""
    trade(desk.process._database, range(40), user_id=user)
    return user


def adapt(desk: Desk, user: str, **body: Any) -> dict[str, Any]:
    data: dict[str, Any] = desk.data("POST", f"/api/v1/thresholds/{user}/adapt", {"symbol": BTC, **body}, headers=LATER)
    return data


def test_an_adaptation_says_what_moved_and_why(desk: Desk, traded: str) -> None:
    told = adapt(desk, traded)

    assert told["verdict"] == "moved"
    assert (told["user_id"], told["symbol"], told["revision"]) == (traded, BTC, 1)
    assert {update["parameter"] for update in told["updates"]} | {one["parameter"] for one in told["refused"]} == {
        "confidence_threshold",
        "rsi_threshold",
        "macd_threshold",
        "ma_crossover_threshold",
        "volume_threshold",
        "momentum_threshold",
    }
    for update in told["updates"]:
        assert update["old_value"] != update["new_value"]
        assert "the limit goes from" in update["reason"]
        assert update["confidence"] is None or 0.5 <= update["confidence"] <= 1.0
        assert update["signals_flipped_r"]["count"] == update["signals_flipped"]
    assert told["evidence"]["new_outcomes"] == 40 * 24
    assert told["evidence"]["window"]["counterfactual"] > 0


def test_the_next_signal_is_judged_by_what_was_learned(desk: Desk, traded: str) -> None:
    told = adapt(desk, traded)

    answer = desk.evaluate(traded)

    assert answer["thresholds"] == told["thresholds"]
    assert answer["thresholds_revision"] == told["revision"]


def test_a_second_call_changes_nothing_and_says_so(desk: Desk, traded: str) -> None:
    first = adapt(desk, traded)

    again = adapt(desk, traded)

    assert (again["verdict"], again["updates"], again["adaptation_id"]) == ("held", [], None)
    assert again["revision"] == first["revision"]
    assert again["reason"] == "nothing new since the last adaptation"


def test_a_dry_run_writes_nothing(desk: Desk, traded: str) -> None:
    dry = adapt(desk, traded, dry_run=True)

    assert dry["dry_run"]
    assert dry["updates"]
    assert desk.data("GET", f"/api/v1/thresholds/{traded}?symbol={BTC}")["revision"] == 0


def test_the_history_shows_each_revision_with_its_adaptation(desk: Desk, traded: str) -> None:
    told = adapt(desk, traded)

    revision = desk.data("GET", f"/api/v1/thresholds/{traded}/history")["items"][0]
    listed = desk.data("GET", f"/api/v1/thresholds/{traded}/adaptations")["items"]
    one = desk.data("GET", f"/api/v1/thresholds/{traded}/adaptations/{told['adaptation_id']}")
    now = desk.data("GET", f"/api/v1/thresholds/{traded}?symbol={BTC}")

    assert revision["source"] == "adapt"
    assert revision["adaptation"]["updates"] == told["updates"]
    assert listed == [one]
    assert one["evidence"] == told["evidence"]
    assert now["last_adaptation"]["adaptation_id"] == told["adaptation_id"]
    assert now["learning"]["last_verdict"] == "moved"


def test_an_undo_puts_the_former_values_back_and_pauses(desk: Desk, traded: str) -> None:
    told = adapt(desk, traded)
    path = f"/api/v1/thresholds/{traded}/adaptations/{told['adaptation_id']}/undo"

    undone = desk.data("POST", path, {"reason": "not convinced"})
    again = desk.data("POST", path, {})

    assert undone["revision"] == 2
    assert undone["thresholds"] == {
        **told["thresholds"],
        **{update["parameter"]: update["old_value"] for update in told["updates"]},
    }
    assert undone["held_until"]
    assert (again["already_undone"], again["revision"]) == (True, 2)
    assert desk.evaluate(traded)["thresholds_revision"] == 2


def test_a_frozen_scope_says_why_it_holds(desk: Desk, traded: str) -> None:
    frozen = desk.data("POST", f"/api/v1/thresholds/{traded}/freeze", {"symbol": BTC, "reason": "earnings"})
    held = adapt(desk, traded)
    again = desk.data("POST", f"/api/v1/thresholds/{traded}/freeze", {"symbol": BTC})
    desk.data("POST", f"/api/v1/thresholds/{traded}/unfreeze", {"symbol": BTC})
    after = adapt(desk, traded)

    assert (frozen["frozen"], frozen["changed"]) == (True, True)
    assert held["reason"] == "frozen by hand: earnings"
    assert not again["changed"]
    assert after["verdict"] == "moved"


def test_a_former_revision_comes_back(desk: Desk, user: str) -> None:
    for value in (60, 80):
        desk.data("PUT", f"/api/v1/thresholds/{user}", {"thresholds": {"rsi_threshold": value}})

    told = desk.data("POST", f"/api/v1/thresholds/{user}/restore", {"revision": 1, "reason": "better"})

    assert (told["thresholds"]["rsi_threshold"], told["revision"], told["source"]) == (60.0, 3, "restore")
    desk.problem(404, "POST", f"/api/v1/thresholds/{user}/restore", {"revision": 9})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("adapt", {"symbol": 5}),
        ("adapt", {"dry_run": "yes"}),
        ("adapt", {"unknown": 1}),
        ("restore", {}),
        ("restore", {"revision": -1}),
        ("freeze", {"reason": 5}),
    ],
)
def test_wrong_bodies_are_named(desk: Desk, user: str, path: str, body: dict[str, Any]) -> None:
    problem = desk.problem(400, "POST", f"/api/v1/thresholds/{user}/{path}", body)

    assert problem["errors"]


def test_everything_that_is_due_is_one_job(desk: Desk) -> None:
    job = desk.admin("POST", "/adapt", {}, status=202)
    again = desk.admin("POST", "/api/v1/adapt-all", {}, status=202)

    assert again["job_id"] == job["job_id"]
    assert desk.data("GET", f"/api/v1/jobs/{job['job_id']}")["state"] == "waiting"
    assert desk.data("POST", f"/api/v1/jobs/{job['job_id']}/cancel", {})["state"] == "cancelled"
    assert desk.data("GET", "/api/v1/jobs?kind=adapt_all&limit=1")["items"][0]["job_id"] == job["job_id"]
