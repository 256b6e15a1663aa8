"""deploy.sh, run in a copy of its own with a small stand-in for the service."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_port, is_free

ROOT = Path(__file__).resolve().parents[2]

STAND_IN = '''
"""Answers /readyz and /health as the service does, and does as little else as possible."""

import http.server, os, signal, sys, threading

command = sys.argv[1]
if command == "check-config":
    sys.exit(os.environ.get("STAND_IN_CONFIG") == "broken")
if command == "migrate":
    print("migrated for", os.environ["ENVIRONMENT"])
    sys.exit(0)
if os.environ.get("STAND_IN_START") == "broken":
    sys.exit("the stand-in has no wish to start")


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ.get("ENVIRONMENT", "development").encode())

    def log_message(self, *arguments): ...


server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answers)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
print("standing in", flush=True)
server.serve_forever()
print("an orderly end", flush=True)
'''


@dataclass
class Copy:
    """The repository's script among a stand-in's files."""

    folder: Path
    environment: dict[str, str]

    def call(self, *arguments: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.folder / "deploy.sh"), *arguments],
            cwd=cwd or self.folder,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def pid(self) -> int:
        return int((self.folder / "var" / "ml-service.pid").read_text())

    def log(self) -> str:
        return (self.folder / "var" / "ml-service.log").read_text()

    def stand_in_for_docker(self, script: str) -> None:
        docker = self.folder / "bin" / "docker"
        docker.write_text(f"#!/bin/sh\n{script}\n")
        docker.chmod(0o755)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    folder = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "deploy.sh", folder)
    (folder / "requirements.txt").touch()
    (folder / "ml_service").mkdir()
    (folder / "ml_service" / "__main__.py").write_text(STAND_IN)
    (folder / "bin").mkdir()
    (folder / "bin" / "python3.11").symlink_to(Path(sys.executable).resolve())
    return Copy(folder, {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "HOME": str(folder)})


@pytest.fixture
def copy(installed: Copy) -> Iterator[Copy]:
    installed.environment["PORT"] = str(free_port())
    installed.stand_in_for_docker("exit 1")
    yield installed
    installed.call("stop")
    shutil.rmtree(installed.folder / "var", ignore_errors=True)
    (installed.folder / ".env").unlink(missing_ok=True)


def test_start_waits_until_it_is_ready_and_says_where(copy: Copy) -> None:
    started = copy.call("start")

    assert started.returncode == 0, started.stderr
    assert f"http://127.0.0.1:{copy.environment['PORT']}" in started.stdout
    assert copy.call("status").returncode == 0


def test_starting_twice_does_no_harm(copy: Copy) -> None:
    copy.call("start")
    first = copy.pid()

    again = copy.call("start")

    assert again.returncode == 0
    assert "already running" in again.stdout
    assert copy.pid() == first


@pytest.mark.parametrize("installed_before", [True, False])
def test_two_simultaneous_starts_make_one_service(copy: Copy, installed_before: bool) -> None:
    if installed_before:
        copy.call("start")
        copy.call("stop")
    else:
        copy.call("clean")
    (copy.folder / "var" / "ml-service.log").unlink(missing_ok=True)
    script = str(copy.folder / "deploy.sh")
    both = [subprocess.Popen([script, "start"], env=copy.environment, stdout=subprocess.DEVNULL) for _ in range(2)]

    assert [each.wait(60) for each in both] == [0, 0]
    assert copy.log().count("standing in") == 1
    assert copy.call("status").returncode == 0


def test_it_does_not_take_a_stranger_for_the_service(copy: Copy) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "ml_service", "run"], cwd=copy.folder, env=copy.environment
    ) as stranger:
        while is_free(int(copy.environment["PORT"])):
            time.sleep(0.02)

        refused = copy.call("start")

        stranger.terminate()
    assert refused.returncode == 1
    assert "something else already answers" in refused.stderr


def test_stop_ends_it_in_order(copy: Copy) -> None:
    copy.call("start")

    assert copy.call("stop").returncode == 0

    assert "an orderly end" in copy.log()
    assert copy.call("status").returncode == 3
    assert copy.call("stop").returncode == 0


def test_restart_is_a_new_process(copy: Copy) -> None:
    copy.call("start")
    first = copy.pid()

    assert copy.call("restart").returncode == 0

    assert copy.pid() != first


def test_a_start_that_fails_shows_why(copy: Copy) -> None:
    failed = copy.call("start", STAND_IN_START="broken")

    assert failed.returncode == 1
    assert "no wish to start" in failed.stderr
    assert copy.call("status").returncode == 3


def test_a_pid_that_now_belongs_to_something_else_is_left_alone(copy: Copy) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (copy.folder / "var").mkdir()
        (copy.folder / "var" / "ml-service.pid").write_text(str(stranger.pid))

        assert copy.call("status").returncode == 3
        assert copy.call("stop").returncode == 0

        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_hands_signals_to_the_service(copy: Copy, number: signal.Signals) -> None:
    with subprocess.Popen(
        [str(copy.folder / "deploy.sh"), "run"], env=copy.environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "standing in" in line:
                break
        try:
            process.send_signal(number)
            assert process.wait(10) == 0
        finally:
            process.kill()
        assert "an orderly end" in process.stdout.read()


def test_it_works_from_any_directory(copy: Copy, tmp_path: Path) -> None:
    assert copy.call("start", cwd=tmp_path).returncode == 0
    assert (copy.folder / "var" / "ml-service.pid").exists()
    assert not list(tmp_path.iterdir())


def test_the_env_file_is_read_and_never_executed(copy: Copy) -> None:
    other_port = free_port()
    copy.environment.pop("PORT")
    (copy.folder / ".env").write_text(
        "# a comment\n"
        f"PORT={other_port}  # another comment\r\n"
        "export ENVIRONMENT='staging'\n"
        'SLACK_WEBHOOK_URL="https://example.com/a#b"\n'
        "ADMIN_API_KEY=$(touch executed)`touch executed`;touch executed"
    )

    started = copy.call("start")

    assert f":{other_port}" in started.stdout, started.stderr
    assert "staging" in copy.call("status").stdout
    assert not (copy.folder / "executed").exists()
    environment = Path(f"/proc/{copy.pid()}/environ").read_bytes().split(b"\0")
    assert b"SLACK_WEBHOOK_URL=https://example.com/a#b" in environment
    assert b"ADMIN_API_KEY=$(touch executed)`touch executed`;touch executed" in environment


def test_the_environment_wins_over_the_env_file(copy: Copy) -> None:
    (copy.folder / ".env").write_text("ENVIRONMENT=staging\nPORT=1\n")

    copy.call("start", ENVIRONMENT="testing")

    assert "testing" in copy.call("status").stdout


def test_a_broken_line_of_the_env_file_is_named(copy: Copy) -> None:
    (copy.folder / ".env").write_text("PORT=5000\nnonsense\n")

    refused = copy.call("start")

    assert refused.returncode == 1
    assert ".env, line 2" in refused.stderr


def test_deploying_on_this_host_backs_up_migrates_and_restarts(copy: Copy) -> None:
    copy.call("start")
    first = copy.pid()
    sqlite3.connect(copy.folder / "var" / "market.db").close()
    with closing(sqlite3.connect(copy.folder / "var" / "ml_service.db")) as live:
        live.execute("PRAGMA journal_mode=WAL")
        live.execute("CREATE TABLE kept AS SELECT 7 AS n")
        live.commit()
        # Still open: the newest rows are in the write-ahead log alone.
        deployed = copy.call("deploy", "production")

    assert deployed.returncode == 0, deployed.stderr
    assert "migrated for production" in deployed.stdout
    assert copy.pid() != first
    assert "production" in copy.call("status").stdout
    candles, decisions = sorted((copy.folder / "var" / "backups").iterdir())
    assert (candles.name[:7], decisions.name[:11]) == ("market-", "ml_service-")
    assert (candles.stat().st_mode | decisions.stat().st_mode) & 0o077 == 0
    with closing(sqlite3.connect(decisions)) as restored:
        assert restored.execute("SELECT n FROM kept").fetchall() == [(7,)]


def test_a_restart_after_a_deployment_keeps_its_environment(copy: Copy) -> None:
    copy.call("deploy", "production")

    copy.call("restart")

    assert "production" in copy.call("status").stdout


def test_a_deployment_with_unusable_settings_changes_nothing(copy: Copy) -> None:
    copy.call("start")
    first = copy.pid()

    refused = copy.call("deploy", "production", STAND_IN_CONFIG="broken")

    assert refused.returncode == 1
    assert "nothing was changed" in refused.stderr
    assert copy.pid() == first


def test_a_deployment_needs_a_known_environment(copy: Copy) -> None:
    assert copy.call("deploy", "moon").returncode == 1


def test_with_a_docker_engine_a_deployment_goes_to_containers(copy: Copy) -> None:
    copy.stand_in_for_docker(f'echo "$ENVIRONMENT: $*" >> {copy.folder}/docker-calls')

    assert copy.call("deploy", "staging").returncode == 0

    calls = (copy.folder / "docker-calls").read_text()
    assert "staging: compose -f docker-compose.ml-service.yml up -d --build" in calls
    assert not (copy.folder / "var" / "ml-service.pid").exists()


def test_clean_keeps_the_data(copy: Copy) -> None:
    copy.call("start")
    data = copy.folder / "var"
    (data / "__pycache__").mkdir()
    (copy.folder / "ml_service" / "__pycache__").mkdir(exist_ok=True)

    while_running = copy.call("clean")
    copy.call("stop")
    afterwards = copy.call("clean")

    assert while_running.returncode == 1
    assert afterwards.returncode == 0
    assert (data / "__pycache__").exists()
    assert not (copy.folder / "ml_service" / "__pycache__").exists()
    assert not (copy.folder / ".venv").exists()


def test_without_python_3_11_it_says_so(copy: Copy, tmp_path: Path) -> None:
    for name in ("bash", "dirname", "cat", "cksum"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / name).symlink_to(found)
    shutil.rmtree(copy.folder / ".venv", ignore_errors=True)

    refused = copy.call("run", PATH=str(tmp_path))

    assert refused.returncode == 1
    assert "Python 3.11 is needed" in refused.stderr


def test_the_second_run_installs_nothing(copy: Copy) -> None:
    copy.call("start")
    copy.call("stop")

    assert "installing" not in copy.call("start").stdout


def test_changed_requirements_are_installed(copy: Copy) -> None:
    copy.call("start")
    requirements = copy.folder / "requirements.txt"
    requirements.write_text("# changed\n")
    try:
        assert "installing" in copy.call("restart").stdout
    finally:
        requirements.write_text("")
    assert os.access(copy.folder / ".venv" / "bin" / "python", os.X_OK)
