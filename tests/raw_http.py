"""HTTP by hand, for bytes that no client would send."""

import contextlib
import json
import socket
import time
from dataclasses import dataclass
from typing import Any

from tests.ports import HOST

ANSWER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0 when the server closed the connection without a word."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    seconds: float

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name.lower()), None)

    def json(self) -> Any:
        return json.loads(self.body)


def request(
    method: str,
    target: str,
    body: bytes = b"",
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),),
    length: int | None = None,
) -> bytes:
    """The bytes of one request, closed after its answer; nothing is escaped or checked."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if length is not None or body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + body


def exchange(port: int, sent: bytes, then_close: bool = False) -> Answer:
    """Send bytes, read the first answer. `TimeoutError` when it takes longer than five seconds in all."""
    began = time.monotonic()
    with socket.create_connection((HOST, port), timeout=ANSWER_SECONDS) as connection:
        # The server may have answered and closed before it had everything; the answer may still be there to read.
        with contextlib.suppress(OSError):
            connection.sendall(sent)
            if then_close:
                connection.shutdown(socket.SHUT_WR)
        received = b""
        while not is_complete(received):
            remaining = began + ANSWER_SECONDS - time.monotonic()
            if remaining <= 0:
                raise TimeoutError(f"no answer within {ANSWER_SECONDS} s to {sent[:200]!r}, so far {received[:200]!r}")
            connection.settimeout(remaining)
            try:
                piece = connection.recv(65536)
            except (ConnectionResetError, BrokenPipeError):
                break
            except TimeoutError:
                continue
            if not piece:
                break
            received += piece
    return parsed(received, time.monotonic() - began)


def is_complete(received: bytes) -> bool:
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return False
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return len(body) >= int(value)
        if name.strip().lower() == b"transfer-encoding":
            return body.endswith(b"0\r\n\r\n")
    return False


def parsed(received: bytes, seconds: float) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        assert not received, f"expected HTTP, found {received[:200]!r}"
        return Answer(0, (), b"", seconds)
    split = (line.partition(":") for line in lines[1:])
    headers = tuple((name.strip().lower(), value.strip()) for name, _, value in split)
    length = dict(headers).get("content-length")
    # What follows is the answer to something else on the same connection.
    return Answer(int(words[1]), headers, body[: int(length)] if length is not None else body, seconds)
