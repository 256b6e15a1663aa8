"""The commands as a process: what it says without a word, and when the database is away."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_without_a_word_it_says_what_it_can_do(folder: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "ml_service"], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=60
    )

    for command in ("run", "web", "worker", "check-config", "migrate", "keys", "replay", "verify-audit"):
        assert command in ended.stdout + ended.stderr


def test_a_database_that_is_away_is_said_in_one_line(folder: Path) -> None:
    environ = {**os.environ, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}

    ended = subprocess.run(
        [sys.executable, "-m", "ml_service", "keys", "list"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith("store_unavailable: the database is not answering")
    assert "Traceback" not in ended.stderr


def test_a_folder_that_takes_nothing_is_said_in_one_line(folder: Path) -> None:
    # Not even root may make a folder there.
    environ = {**os.environ, "ML_SERVICE_DATA_DIR": "/sys/nowhere"}

    ended = subprocess.run(
        [sys.executable, "-m", "ml_service", "data", "list"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith("not_kept: /sys/nowhere could not be used: ")
    assert len(ended.stderr.splitlines()) == 1
