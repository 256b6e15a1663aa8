"""What the benchmarks share: a server under load, its processor time, medians with their spread."""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import psutil

from tests.load import http_request
from tests.ports import HOST, free_port
from tests.service import ROOT, SIGNAL

EVALUATE = http_request("/api/v1/evaluate/ada", {"signal": SIGNAL})


class Server:
    """One server process family under measurement."""

    def __init__(self, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.port = port
        self.process = process

    def cpu_seconds(self) -> float:
        top = psutil.Process(self.process.pid)
        family = [top, *top.children(recursive=True)]
        return sum(sum(member.cpu_times()[:2]) for member in family)


@contextlib.contextmanager
def serving(arguments: Sequence[str], **environment: str) -> Iterator[Server]:
    """Starts `python -m …` with a data folder of its own, and ends every process of it."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="ml-service-bench-") as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env={
                **os.environ,
                "PORT": str(port),
                "ML_SERVICE_DATA_DIR": str(Path(folder) / "data"),
                "LOG_FILE_PATH": str(Path(folder) / "log"),
                **environment,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            await_answer(port)
            yield Server(port, process)
        finally:
            family = psutil.Process(process.pid).children(recursive=True)
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            for member in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
            if process.poll() is None:
                process.kill()
            process.wait()


def await_answer(port: int, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"http://{HOST}:{port}/livez", timeout=1).status_code == 200:
                return
        time.sleep(0.01)
    raise AssertionError(f"no answer on port {port}")


def spread(values: Sequence[float], form: str = "{:.0f}") -> str:
    """The median, and how far apart the rounds were."""
    middle = form.format(statistics.median(values))
    return f"{middle} ({form.format(min(values))} to {form.format(max(values))})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
