"""check-config: sound settings are told, and every mistake is."""

import re
from pathlib import Path

import pytest

from tests.cli.desk import Type


def test_sound_settings_are_told_with_their_hash(typed: Type) -> None:
    ended = typed("check-config")

    assert ended.status == 0
    assert re.fullmatch(r"the settings are sound \(testing, hash [0-9a-f]{16}\)\n", ended.out)


def test_every_mistake_is_told_at_once_with_its_path(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "many")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    monkeypatch.setenv("RSI_MIN_THRESHOLD", "high")

    ended = typed("check-config")

    assert ended.status == 2
    for path in ("server.port (PORT)", "logging.level (LOG_LEVEL)", "gate.rsi_threshold.low (RSI_MIN_THRESHOLD)"):
        assert path in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("MIN_ADAPTATION_THRESHOLD", "0.5", "adaptation.change_share_min"),
        ("ADAPTATION_MIN_TRADES", "5000", "adaptation.trades_min"),
    ],
)
def test_settings_under_which_nothing_could_ever_move_are_refused(
    typed: Type, monkeypatch: pytest.MonkeyPatch, name: str, value: str, path: str
) -> None:
    monkeypatch.setenv(name, value)

    ended = typed("check-config")

    assert ended.status == 2
    assert path in ended.err


def test_a_start_that_would_let_strangers_in_is_refused(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")

    ended = typed("check-config")

    assert ended.status == 2
    assert "ML_SERVICE_ADMIN_KEY" in ended.err


def test_a_name_that_no_longer_steers_anything_is_noted(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_PORT", "9090")

    ended = typed("check-config")

    assert ended.status == 0
    assert "note: METRICS_PORT" in ended.out


def test_that_signals_are_explored_is_noted(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_SERVICE__ADAPTATION__EXPLORATION", "0.05")

    ended = typed("check-config")

    assert ended.status == 0
    assert "note: adaptation.exploration is on: 5 %" in ended.out


def test_a_keys_file_with_a_mistake_is_refused_without_its_secret(
    typed: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keys.json").write_text('[{"id": "k", "secret": "s3cret", "scope": "root"}]')
    monkeypatch.setenv("ML_SERVICE_API_KEYS_FILE", str(tmp_path / "keys.json"))

    ended = typed("check-config")

    assert ended.status == 2
    assert "scope" in ended.err
    assert "s3cret" not in ended.err


def test_a_signing_key_that_can_be_guessed_is_refused_and_not_repeated(
    typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_SERVICE_SIGNING_KEY", "hunter2")

    ended = typed("check-config")

    assert ended.status == 2
    assert "security.signing_key (ML_SERVICE_SIGNING_KEY): expected at least 16 characters" in ended.err
    assert "hunter2" not in ended.err + ended.out
