"""Logs: a JSON object a line, no secret in it, and nobody waits for a reader."""

import io
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from ml_service.adapters.telemetry import logs
from ml_service.adapters.telemetry.logs import HIDDEN, Bridge, LineWriter, redacted

SOON = 5.0


class Reader(logging.Handler):
    """Whoever reads the lines; held, it stops reading."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.reads = threading.Event()
        self.reads.set()
        self.holding = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.holding.set()
        assert self.reads.wait(SOON)
        self.text.append(record.getMessage())

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for text in self.text for line in text.splitlines()]


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def writer(reader: Reader) -> Iterator[LineWriter]:
    made = LineWriter(reader, as_json=True, process="web")
    yield made
    reader.reads.set()
    made.close()


def written(writer: LineWriter, reader: Reader) -> list[dict[str, Any]]:
    writer.close()
    return reader.lines


# Form


def test_a_line_is_a_json_object_with_its_time_and_process(writer: LineWriter, reader: Reader) -> None:
    writer.line({"event": "request", "status": 200, "note": "é\nx"})

    (line,) = written(writer, reader)

    assert (line["process"], line["event"], line["status"], line["note"]) == ("web", "request", 200, "é\nx")
    assert line["timestamp"].endswith("Z")
    assert line["timestamp"][10] == "T"


def test_lines_keep_their_order(writer: LineWriter, reader: Reader) -> None:
    for number in range(500):
        writer.line({"number": number})

    assert [line["number"] for line in written(writer, reader)] == list(range(500))


def test_as_text_a_line_is_for_people(reader: Reader) -> None:
    writer = LineWriter(reader, as_json=False, process="worker")
    writer.line({"level": "warning", "event": "it rains", "where": "here", "nothing": None})
    writer.close()

    assert reader.text[0].endswith("worker warning it rains where=here")


def test_what_json_does_not_know_is_written_all_the_same(writer: LineWriter, reader: Reader) -> None:
    writer.line({"path": Path("/x"), "number": 2.5})

    assert written(writer, reader)[0]["path"] == "/x"


def test_what_modules_log_comes_in_the_same_form(writer: LineWriter, reader: Reader) -> None:
    logger = logging.Logger("a.module")
    logger.addHandler(Bridge(writer))

    try:
        raise ValueError("broken")
    except ValueError:
        logger.exception("it %s", "failed")

    (line,) = written(writer, reader)
    assert (line["level"], line["logger"], line["event"]) == ("error", "a.module", "it failed")
    assert "ValueError: broken" in line["exception"]


# Redaction


@pytest.mark.parametrize(
    "name",
    ["secret", "client_secret", "password", "API_KEY", "x_api_key", "admin_key", "Authorization", "dsn", "webhook"],
)
def test_a_field_with_a_secret_name_is_hidden(name: str) -> None:
    assert redacted({name: "s3cret"}) == {name: HIDDEN}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key mls_abc123_s3cret refused", f"key mls_abc123_{HIDDEN} refused"),
        ("mls_a.b-c_DEADbeef-_x", f"mls_a.b-c_{HIDDEN}"),
        ("postgresql://bot:s3cret@db:5432/x", f"postgresql://bot:{HIDDEN}@db:5432/x"),
        ("redis://:s3cret@cache", f"redis://:{HIDDEN}@cache"),
        ("http://127.0.0.1:5000/health", "http://127.0.0.1:5000/health"),
        ("a user_id of mls", "a user_id of mls"),
    ],
)
def test_secrets_inside_a_text_are_hidden_and_the_rest_stays(text: str, shown: str) -> None:
    assert redacted({"event": text}) == {"event": shown}


@pytest.mark.parametrize("password", ["p@s3cret", "p/s3cret", "s3cret@", "s3cret:/@"])
def test_a_password_with_signs_of_an_address_in_it_is_hidden_whole(password: str) -> None:
    assert "s3cret" not in redacted({"event": f"postgresql://bot:{password}@db/x"})["event"]


def test_a_secret_in_an_exception_is_hidden_as_well(writer: LineWriter, reader: Reader) -> None:
    logger = logging.Logger("a.module")
    logger.addHandler(Bridge(writer))

    try:
        raise ConnectionError("postgresql://bot:s3cret@db is away")
    except ConnectionError:
        logger.exception("trouble with mls_abc_s3cret")

    writer.close()
    assert "s3cret" not in "".join(reader.text)


# Nobody waits


def test_a_stuck_reader_stops_nobody(writer: LineWriter, reader: Reader) -> None:
    reader.reads.clear()
    writer.line({"first": True})
    assert reader.holding.wait(SOON)

    began = time.perf_counter()
    for number in range(1_000):
        writer.line({"number": number})

    assert time.perf_counter() - began < 1.0


def test_lines_beyond_the_room_are_dropped_and_counted(
    writer: LineWriter, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LINES_MAX", 10)
    reader.reads.clear()
    writer.line({"first": True})
    assert reader.holding.wait(SOON)

    for number in range(25):
        writer.line({"number": number})
    reader.reads.set()

    lines = written(writer, reader)
    assert [line["number"] for line in lines if "number" in line] == list(range(10))
    assert [line["count"] for line in lines if line.get("event") == "log_lines_dropped"] == [15]


class Disk(io.StringIO):
    """A file whose disk is full, until it is not."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError("no space left on device")
        return super().write(text)


def test_a_full_disk_does_not_end_the_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    disk = Disk()
    writer = LineWriter(logging.StreamHandler(disk), as_json=True, process="web")
    writer.line({"lost": True})
    time.sleep(0.2)

    disk.full = False
    writer.line({"kept": True})
    writer.close()

    assert "kept" in disk.getvalue()


@pytest.mark.parametrize("value", ["\ud800", 10**40, {1: "a key that is no text"}])
def test_a_line_that_json_cannot_hold_does_not_end_the_writing(
    writer: LineWriter, reader: Reader, value: object
) -> None:
    writer.line({"event": "odd", "value": value})
    writer.line({"event": "next"})

    lines = written(writer, reader)

    assert "odd" in lines[0]["event"]
    assert lines[1]["event"] == "next"


# Set up for a process


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield root
    root.handlers = handlers
    root.setLevel(level)


def test_a_log_file_rolls_over_at_its_largest_size(tmp_path: Path, root_logger: logging.Logger) -> None:
    file = tmp_path / "folder" / "service.log"
    writer = logs.configure("INFO", "json", file, 2_000, 2, "worker")

    for _ in range(3):
        for _ in range(10):
            root_logger.info("x" * 100)
        time.sleep(0.12)
    writer.close()

    assert sorted(one.name for one in file.parent.iterdir()) == ["service.log", "service.log.1", "service.log.2"]
    assert orjson.loads(file.read_text().splitlines()[-1])["process"] == "worker"


def test_the_level_can_be_changed_while_running(tmp_path: Path, root_logger: logging.Logger) -> None:
    file = tmp_path / "service.log"
    writer = logs.configure("warning", "json", file, 100_000, 0, "web")

    root_logger.info("too quiet")
    logs.set_level("info")
    root_logger.info("loud enough")
    writer.close()

    assert [orjson.loads(line)["event"] for line in file.read_text().splitlines()] == ["loud enough"]
