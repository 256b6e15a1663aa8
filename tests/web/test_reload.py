"""Settings read again while running: by POST, without a restart, and never half."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.desk import ADMIN, ADMIN_KEY, Desk, opened, variables


class Running:
    """A web process whose settings stand in a file."""

    def __init__(self, desk: Desk, file: Path) -> None:
        self.desk = desk
        self._file = file

    def reload(self, text: str) -> Any:
        self._file.write_text(text)
        return self.desk.admin("POST", "/api/v1/admin/reload")

    def refused(self, text: str) -> dict[str, Any]:
        self._file.write_text(text)
        return self.desk.problem(400, "POST", "/api/v1/admin/reload", headers=ADMIN)


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    file = tmp_path / "bot.yaml"
    file.write_text("logging:\n  level: WARNING\n")
    environ = {**variables(tmp_path), "ML_SERVICE_CONFIG_FILE": str(file)}
    # The process reads its environment again on reload.
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with opened(tmp_path, **environ) as desk:
        yield Running(desk, file)


def test_new_bounds_hold_for_the_next_decision(running: Running, user: str) -> None:
    before = running.desk.evaluate(user)

    told = running.reload("gate:\n  rsi_threshold:\n    default: 52\n    high: 54\n")

    after = running.desk.evaluate(user)
    assert set(told["changed"]) == {"gate.rsi_threshold.default", "gate.rsi_threshold.high"}
    assert told["needs_restart"] == []
    assert (before["should_trade"], after["should_trade"]) == (True, False)
    assert after["thresholds"]["rsi_threshold"] == 52.0
    assert after["settings_hash"] == told["settings_hash"] != before["settings_hash"]


def test_stored_thresholds_are_brought_inside_new_bounds(running: Running, user: str) -> None:
    running.desk.data("PUT", f"/api/v1/thresholds/{user}", {"thresholds": {"rsi_threshold": 88}})

    running.reload("gate:\n  rsi_threshold:\n    high: 80\n")

    assert running.desk.data("GET", f"/api/v1/thresholds/{user}")["thresholds"]["rsi_threshold"] == 80.0


def test_on_missing_can_be_made_stricter(running: Running, user: str) -> None:
    running.reload("gate:\n  macd_threshold:\n    on_missing: reject\n")

    answer = running.desk.evaluate(user)

    assert (answer["decision"], answer["code"]) == ("reject", "parameter_missing")


def test_decisions_from_before_still_replay_the_same(running: Running, user: str) -> None:
    running.desk.evaluate(user, decision_id="before")

    running.reload("gate:\n  rsi_threshold:\n    default: 52\n  macd_threshold:\n    on_missing: reject\n")
    running.desk.evaluate(user, decision_id="after")

    assert replayed(running, user, "before") == []
    assert replayed(running, user, "after") == []


def test_exploration_is_turned_on_while_running_and_replays_the_same(running: Running, user: str) -> None:
    names = [f"{when}-{number}" for when in ("off", "on") for number in range(30)]
    before = [running.desk.evaluate(user, decision_id=name, rsi=80) for name in names[:30]]

    told = running.reload("adaptation:\n  exploration: 0.2\n")

    after = [running.desk.evaluate(user, decision_id=name, rsi=80) for name in names[30:]]
    assert (told["changed"], told["needs_restart"]) == (["adaptation.exploration"], [])
    assert [{one["code"] for one in answers} for answers in (before, after)] == [
        {"limit_missed"},
        {"limit_missed", "explored"},
    ]
    assert [replayed(running, user, name) for name in names] == [[]] * len(names)


def replayed(running: Running, user: str, name: str) -> list[str]:
    """What differs, once the document of new settings is in the database: it comes a moment after the reload."""
    deadline = time.monotonic() + 5
    while True:
        told: list[str] = running.desk.data("POST", f"/api/v1/decision/{user}/{name}/replay")["differences"]
        if time.monotonic() > deadline or not any("settings document" in one for one in told):
            return told
        time.sleep(0.05)


def test_a_wrong_file_changes_nothing_and_every_mistake_is_told(running: Running, user: str) -> None:
    before = running.desk.evaluate(user)["settings_hash"]

    problem = running.refused("gate:\n  rsi_threshold:\n    high: x\nlogging:\n  level: loud\n")

    assert {one["path"] for one in problem["errors"]} == {"gate.rsi_threshold.high", "logging.level"}
    assert running.desk.evaluate(user)["settings_hash"] == before


def test_what_only_a_restart_can_change_is_named_and_left_alone(running: Running) -> None:
    told = running.reload("server:\n  port: 6000\n")

    assert (told["changed"], told["needs_restart"]) == ([], ["server.port"])
    assert running.desk.process.settings.server.port == 5000


def test_a_reload_that_changes_nothing_says_so(running: Running) -> None:
    assert running.reload("logging:\n  level: WARNING\n")["changed"] == []


def test_a_new_admin_key_takes_over_at_once(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_SERVICE_ADMIN_KEY", "another-key-for-tests")

    running.reload("")

    running.desk.problem(401, "GET", "/api/v1/admin/keys", headers=ADMIN)
    assert running.desk.data("GET", "/api/v1/admin/keys", headers={"X-Admin-Key": "another-key-for-tests"})


def test_a_short_admin_key_does_not_take_over_where_others_come_by(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = running.desk.process
    process.settings = process.settings.model_copy(update={"environment": "production"})
    monkeypatch.setenv("ML_SERVICE_ADMIN_KEY", "short")

    problem = running.refused("")

    assert [one["path"] for one in problem["errors"]] == ["security.admin_key (ML_SERVICE_ADMIN_KEY)"]
    running.desk.problem(401, "GET", "/api/v1/admin/keys", headers={"X-Admin-Key": "short"})
    assert running.desk.admin("GET", "/api/v1/admin/keys") is not None


def test_a_reload_is_in_the_audit_trail_without_any_secret(running: Running) -> None:
    running.reload("gate:\n  rsi_threshold:\n    default: 52\n")

    answer = running.desk.call("GET", "/api/v1/admin/audit", headers=ADMIN)

    assert "settings.reloaded" in answer.text
    assert "gate.rsi_threshold.default" in answer.text
    assert ADMIN_KEY not in answer.text


def test_only_the_admin_may_reload(running: Running) -> None:
    running.desk.problem(403, "POST", "/api/v1/admin/reload")
