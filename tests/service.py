"""The real service for tests: started as its user would, on a free port, with a data folder of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil

from ml_service.adapters.store.schema import MARKET
from tests.migrated import migrated
from tests.ports import HOST, free_port

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 30.0
STOP_SECONDS = 35.0
NO_TLS = False
"""A client that could speak TLS would first read the certificates of the machine: 25 ms of processor each time."""

PATIENT = {f"ML_SERVICE__RECORDING__{what}_WAIT_MS": "5000" for what in ("RECORD", "JOURNAL", "OUTCOME")}
"""For tests that do not look at the clock: a disk of any slowness has each decision recorded before its answer."""

SIGNAL: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "action": "BUY",
    "confidence": 0.85,
    "rsi": 55,
    "change_percent": 2.5,
    "volume": 2e9,
}


class Service:
    """`python -m ml_service run` (or another command) with its own environment; use as a context manager."""

    def __init__(self, folder: Path, command: str = "run", port: int | None = None, **environment: str) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.command = command
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "service.out"
        self._client: httpx.Client | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def store_url(self) -> str:
        """The database it keeps its rows in."""
        return self.environment.get("DATABASE_URL") or f"sqlite:///{self.folder / 'data' / 'ml_service.db'}"

    @property
    def client(self) -> httpx.Client:
        if self._client is None:
            self._client = httpx.Client(base_url=self.url, timeout=10.0, verify=NO_TLS)
        return self._client

    def __enter__(self) -> "Service":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        if self._client is not None:
            self._client.close()

    def start(self, wait: bool = True) -> float:
        """Seconds until the first answer."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.environment.keys() & {"DATABASE_URL", "ML_SERVICE_DATA_DIR"}:
            self._bring_up()
        began = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ml_service", self.command],
                cwd=ROOT,
                env=self._variables(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if wait:
            self.await_answer()
        return time.monotonic() - began

    def await_answer(self, seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"the service ended with {self.process.returncode}:\n{self.output()}")
            with contextlib.suppress(httpx.HTTPError):
                if self.ask_anew("GET", "/livez", timeout=1.0).status_code == 200:
                    return
            time.sleep(0.02)
        raise AssertionError(f"no answer within {seconds} s:\n{self.output()}")

    def ask_anew(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Ask on a connection of its own, which any of the web processes may take."""
        return httpx.request(method, f"{self.url}{path}", verify=NO_TLS, **arguments)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL for every process of the service."""
        if self.process is None:
            return
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(10)

    def processes(self, named: str = "") -> list[psutil.Process]:
        """The processes of the service whose command line contains a word such as web or worker."""
        assert self.process is not None
        try:
            top = psutil.Process(self.process.pid)
            family = [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
        found = []
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                if named in process.cmdline() or not named:
                    found.append(process)
        return found

    def web_worker(self) -> psutil.Process:
        """The process that answers requests: the innermost one of the web server."""
        return self.processes("web")[-1]

    def output(self) -> str:
        return self.log.read_text(errors="replace")[-8000:] if self.log.exists() else ""

    def evaluate(self, user: str = "ada", headers: Mapping[str, str] | None = None, **fields: Any) -> dict[str, Any]:
        answer = self.client.post(
            f"/api/v1/evaluate/{user}", json={"signal": {**SIGNAL, **fields}}, headers=dict(headers or {})
        )
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def _bring_up(self) -> None:
        """Half a second of a first start; a test that has made the folder leaves it to the service."""
        data = self.folder / "data"
        if not data.exists():
            migrated(f"sqlite:///{data / 'ml_service.db'}")
            migrated(f"sqlite:///{data / 'market.db'}", MARKET)

    def _variables(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return {
            **kept,
            "ENVIRONMENT": "testing",
            "HOST": HOST,
            "PORT": str(self.port),
            "ML_SERVICE_DATA_DIR": str(self.folder / "data"),
            # Most tests ask little, and would wait for a second process at every start. Those on the embedded store in
            # which several matter say how many.
            "WORKERS": "2" if "DATABASE_URL" in self.environment else "1",
            **self.environment,
        }
