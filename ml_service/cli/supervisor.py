"""Web and worker under one roof: start both, bring back what dies, stop both cleanly."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from ml_service.adapters.process import Stop, die_with_parent
from ml_service.adapters.shared_page import SharedPage
from ml_service.adapters.telemetry.metrics_folder import prepare_folder
from ml_service.settings import Settings

STOP_SECONDS = 28.0
"""All in, a clean stop takes less than the 30 seconds that containers allow."""
QUICK_DEATH_SECONDS = 5.0
PAUSE_SECONDS_MAX = 10.0
LAST_IN_SECONDS = 0.5


class Child:
    """One process that is kept running."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.quick_deaths = 0
        self.start_again_at = 0.0

    def start(self) -> None:
        # A session of its own: Ctrl-C reaches the supervisor alone, which then stops the children in order.
        # Should the supervisor be killed, the kernel ends them (die_with_parent).
        self.process = subprocess.Popen(self.command, start_new_session=True, preexec_fn=die_with_parent)  # noqa: PLW1509
        self.started_at = time.monotonic()

    def tend(self) -> None:
        if self.process is None or self.process.poll() is None:
            if self.process is None and time.monotonic() >= self.start_again_at:
                self.start()
            return
        lived = time.monotonic() - self.started_at
        self.quick_deaths = self.quick_deaths + 1 if lived < QUICK_DEATH_SECONDS else 0
        pause = min(PAUSE_SECONDS_MAX, 0.1 * 2 ** min(self.quick_deaths, 7))
        print(
            f"{self.name} ended with {self.process.returncode} after {lived:.1f} s; it starts again in {pause:.1f} s",
            file=sys.stderr,
            flush=True,
        )
        self.process = None
        self.start_again_at = time.monotonic() + pause

    def signal(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, seconds: float) -> int | None:
        if self.process is None:
            return 0
        try:
            return self.process.wait(max(seconds, 0.0))
        except subprocess.TimeoutExpired:
            return None


Errand = Callable[[Settings, Callable[[float], bool]], None]
"""Done beside everything else; it waits by what it is given, which says when to leave off."""


def supervise(settings: Settings, with_worker: bool, errands: Sequence[Errand] = ()) -> int:
    """Returns the exit status once everything has stopped."""
    page = SharedPage(settings.data_dir / "shared.page")
    page.mark("draining").set(0)
    page.mark("door").set(0)
    prepare_folder(settings.data_dir / "metrics")
    children = [Child("web", [sys.executable, "-m", "ml_service", "web"])]
    if with_worker:
        children.append(Child("worker", [sys.executable, "-m", "ml_service", "worker"]))

    stopping = Stop().on_signals()
    signal.signal(signal.SIGHUP, lambda *_: page.mark("settings").bump())

    threading.Thread(target=greet, args=(settings, stopping), daemon=True).start()
    for errand in errands:
        threading.Thread(target=errand, args=(settings, stopping.wait), daemon=True).start()
    while not stopping.is_set():
        for child in children:
            child.tend()
        stopping.wait(0.05)
    return stop(children, page, settings.server.drain_ms / 1000)


def stop(children: Sequence[Child], page: SharedPage, drain_seconds: float) -> int:
    """Drain first: `/readyz` says no and answers close their connections. Then shut the door, serve those who came
    in last, and end the children."""
    deadline = time.monotonic() + STOP_SECONDS
    page.mark("draining").set(os.getpid())
    time.sleep(drain_seconds)
    page.mark("door").set(1)
    time.sleep(LAST_IN_SECONDS)
    for child in children:
        child.signal(signal.SIGTERM)
    clean = True
    for child in children:
        if child.wait(deadline - time.monotonic()) is None:
            clean = False
            print(f"{child.name} did not stop in time and is killed", file=sys.stderr, flush=True)
            child.signal(signal.SIGKILL)
            child.wait(2.0)
    return 0 if clean else 1


def greet(settings: Settings, stopping: Stop) -> None:
    """Once it answers, say where, and how to send the first signal."""
    host = settings.server.host
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    base = f"http://{f'[{shown}]' if ':' in shown else shown}:{settings.server.port}"
    while not stopping.is_set():
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=1):
                break
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    if stopping.is_set():
        return
    keyed = settings.security.admin_key or settings.security.api_keys_file or settings.security.trusted_network
    key = " -H 'X-API-Key: …'" if keyed else ""
    body = '{"signal": {"symbol": "BTCUSDT", "action": "BUY", "confidence": 0.8, "rsi": 55}}'
    print(
        f"\nlistening on {base}   (Ctrl-C stops)\n"
        f"store: {'SQLite in ' + str(Path(settings.data_dir).resolve()) if settings.is_embedded else 'PostgreSQL'}\n"
        "the first signal:\n"
        f"  curl -s -X POST {base}/api/v1/evaluate/me{key} -H 'Content-Type: application/json' -d '{body}'\n",
        flush=True,
    )
