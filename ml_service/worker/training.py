"""The job that trains: a process of its own, at low priority, so that no fit ever holds the worker's loop."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from tempfile import TemporaryFile
from typing import IO, Any

from ml_service.domain.job import Job, Progress
from ml_service.errors import InvalidInput, Untrainable
from ml_service.worker.parts import Parts

POLL_SECONDS = 0.05
END_SECONDS = 5.0
"""So long may it take to end by itself; everything it has fitted is kept either way."""
OPTIONS = (
    *("symbol", "models", "venue", "interval", "horizon", "label", "barrier", "days", "regime", "folds", "embargo"),
    *("seed", "device", "source", "search", "expires_days"),
)
"""Of the command `train`, as a request may name them."""
COLUMNS = 1_000
"""So wide that no complaint is broken into lines …"""
FRAME = " │╭╮╰╯─"
"""… and what may stand around one."""
COMMAND = (sys.executable, "-m", "ml_service", "train", "--followed")


def train(job: Job, parts: Parts) -> Iterator[Progress]:
    """Begun again after a kill, it goes on where it was: the command keeps each fit."""
    with TemporaryFile() as complaints:
        process = subprocess.Popen(
            [*COMMAND, *words(job.request)],
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={**os.environ, "COLUMNS": str(COLUMNS)},
        )
        try:
            yield from followed(process)
            if process.returncode:
                raise Untrainable(last_line(complaints) or f"the training ended with status {process.returncode}")
        finally:
            ended(process)


def words(request: Mapping[str, Any]) -> list[str]:
    """A request as the command's own options; what nobody knows is refused rather than left out."""
    unknown = sorted(set(request) - set(OPTIONS))
    if unknown:
        raise InvalidInput.at(unknown[0], f"expected one of {', '.join(OPTIONS)}")
    if "symbol" not in request:
        raise InvalidInput.at("symbol", "expected a symbol")
    given = {name: value for name, value in request.items() if value is not None}
    return [f"--{name.replace('_', '-')}={text(value)}" for name, value in given.items()]


def text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def followed(process: "subprocess.Popen[bytes]") -> Iterator[Progress]:
    assert process.stdout is not None
    pipe = process.stdout
    progress, waiting = Progress(0, None), b""
    while True:
        is_over = process.poll() is not None
        *lines, waiting = (waiting + read(pipe)).split(b"\n")
        for line in lines:
            progress = heard(json.loads(line), progress)
        yield progress
        if is_over:
            return
        time.sleep(POLL_SECONDS)


def read(pipe: IO[bytes]) -> bytes:
    """What is there, without waiting for more."""
    os.set_blocking(pipe.fileno(), False)
    parts = []
    with contextlib.suppress(BlockingIOError):
        while part := os.read(pipe.fileno(), 65_536):
            parts.append(part)
    return b"".join(parts)


def heard(told: Mapping[str, Any], before: Progress) -> Progress:
    if "done" in told:
        return Progress(told["done"], told["total"])
    kept = ("set_id", "verdict", "has_skill", "data_hash", "examples", "left_out", "suspicions")
    total = before.total or 1
    return Progress(total, total, {name: told[name] for name in kept if name in told})


def last_line(complaints: IO[bytes]) -> str:
    """Of what says anything: a wrong option is complained of in a box."""
    complaints.seek(0)
    lines = [line.strip(FRAME) for line in complaints.read().decode(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")


def ended(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
    if process.poll() is None:
        process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
