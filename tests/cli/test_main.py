"""The commands as a process: what it says without a word, and when the database is away."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def typed(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ml_service", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_without_a_word_it_says_what_it_can_do(folder: Path) -> None:
    ended = typed()

    for command in ("run", "web", "worker", "check-config", "migrate", "keys", "replay", "verify-audit"):
        assert command in ended.stdout + ended.stderr


def test_a_database_that_is_away_is_said_in_one_line(folder: Path) -> None:
    ended = typed("keys", "list", DATABASE_URL="postgresql://nobody@127.0.0.1:1/nowhere")

    assert ended.returncode == 1
    assert ended.stderr.startswith("store_unavailable: the database is not answering")
    assert "Traceback" not in ended.stderr


def test_a_folder_that_takes_nothing_is_said_in_one_line(folder: Path) -> None:
    # Not even root may make a folder there.
    ended = typed("data", "list", ML_SERVICE_DATA_DIR="/sys/nowhere")

    assert ended.returncode == 1
    assert ended.stderr.startswith("not_kept: /sys/nowhere could not be used: ")
    assert len(ended.stderr.splitlines()) == 1
