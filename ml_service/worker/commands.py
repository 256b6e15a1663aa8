"""Commands of this service as work of the worker: a process of its own, so that nothing it does holds the loop."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from tempfile import TemporaryFile
from typing import IO, Any

from ml_service.domain.job import Progress

POLL_SECONDS = 0.05
END_SECONDS = 5.0
"""So long may it take to end by itself."""
COLUMNS = 1_000
"""So wide that no complaint is broken into lines …"""
FRAME = " │╭╮╰╯─"
"""… and what may stand around one."""

Heard = Callable[[Mapping[str, Any], Progress], Progress]
"""What a document of the command makes of the progress before it."""


def carried_out(words: Sequence[str], heard: Heard, refused: Callable[[str], Exception]) -> Iterator[Progress]:
    """The command tells documents, one a line; `refused` makes an exception of what it complained of at the end."""
    with TemporaryFile() as complaints:
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=complaints, env={**os.environ, "COLUMNS": str(COLUMNS)}
        )
        try:
            yield from followed(process, heard)
            if process.returncode:
                raise refused(last_line(complaints) or f"the command ended with status {process.returncode}")
        finally:
            ended(process)


def followed(process: "subprocess.Popen[bytes]", heard: Heard) -> Iterator[Progress]:
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
