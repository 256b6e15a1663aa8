"""Logs: one JSON object a line, written by a thread of its own, secrets taken out."""

import atexit
import datetime
import logging
import logging.handlers
import re
import sys
import threading
import time
from collections import deque
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import orjson

LINES_MAX = 20_000
WRITE_SECONDS = 0.05
SECRET_NAMES = re.compile(r"secret|password|api_key|admin_key|authorization|dsn|webhook", re.IGNORECASE)
SECRET_VALUES = re.compile(r"(mls_[A-Za-z0-9.-]+_|mls_)[^\s\"']+|(://[^/:@\s]*:)\S+(?=@)")
HIDDEN = "[hidden]"


class LineWriter:
    """Writes lines behind the request's back: a full disk or a stuck reader of stdout must not stop a decision.

    Lines are collected, and put together a few times a second, so that a request pays for an append alone.
    When too many wait they are dropped and counted; the count is logged as soon as there is room.
    """

    def __init__(self, handler: logging.Handler, as_json: bool, process: str) -> None:
        self._handler = handler
        self._as_json = as_json
        self._process = process
        self._waiting: deque[tuple[int, dict[str, Any]]] = deque()
        self._dropped = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def line(self, fields: dict[str, Any]) -> None:
        if len(self._waiting) < LINES_MAX:
            self._waiting.append((time.time_ns(), fields))
        else:
            self._dropped += 1

    def close(self) -> None:
        self._stop.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        while not self._stop.wait(WRITE_SECONDS):
            self._write_waiting()
        self._write_waiting()

    def _write_waiting(self) -> None:
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            waiting.append((time.time_ns(), {"level": "warning", "event": "log_lines_dropped", "count": dropped}))
        if waiting:
            text = "\n".join(self._rendered(at_ns, fields) for at_ns, fields in waiting)
            self._handler.handle(logging.LogRecord("ml_service", logging.INFO, "", 0, text, None, None))

    def _rendered(self, at_ns: int, fields: dict[str, Any]) -> str:
        at = datetime.datetime.fromtimestamp(at_ns / 1e9, datetime.UTC).isoformat(timespec="milliseconds")
        whole = {"timestamp": at.replace("+00:00", "Z"), "process": self._process, **redacted(fields)}
        if self._as_json:
            try:
                return orjson.dumps(whole, default=str).decode()
            except TypeError:
                # Text that is no Unicode, an endless number: one such line must not end the log.
                return orjson.dumps({name: ascii(value) for name, value in whole.items()}).decode()
        head = f"{whole.pop('timestamp')} {whole.pop('process')} {whole.pop('level', 'info')} {whole.pop('event', '')}"
        return " ".join([head, *(f"{name}={value}" for name, value in whole.items() if value is not None)])


class Bridge(logging.Handler):
    """What libraries and our own modules log, in the same form."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = logging.Formatter().formatException(record.exc_info)
        self._writer.line(fields)


def configure(
    level: str, form: Literal["json", "text"], file: Path | None, file_bytes_max: int, backups: int, process: str
) -> LineWriter:
    """Set up logging for this process; `process` (web, worker) stands in every line."""
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stdout)
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(file, maxBytes=file_bytes_max, backupCount=backups)
    handler.setFormatter(logging.Formatter("%(message)s"))
    writer = LineWriter(handler, form == "json", process)
    logging.getLogger().handlers = [Bridge(writer)]
    set_level(level)
    atexit.register(writer.close)
    return writer


def set_level(level: str) -> None:
    logging.getLogger().setLevel(level.upper())


@lru_cache(maxsize=1024)
def is_secret(name: str) -> bool:
    return SECRET_NAMES.search(name) is not None


def redacted(fields: dict[str, Any]) -> dict[str, Any]:
    """The same fields without what must never be in a log line."""
    for name, value in fields.items():
        if isinstance(value, str):
            if is_secret(name):
                fields[name] = HIDDEN
            elif "mls_" in value or "://" in value:
                fields[name] = SECRET_VALUES.sub(lambda found: (found[1] or found[2]) + HIDDEN, value)
    return fields
