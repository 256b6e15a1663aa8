"""A load generator that is much cheaper than the service: one thread, raw sockets, keep-alive.

Closed loop by default: every connection sends its next request once it has the answer. With a `rate`, requests
are due at fixed moments whatever the service does, and latency counts from the moment each was due, so that a
stall is not hidden by the requests that were not sent meanwhile.
"""

import contextlib
import errno
import math
import re
import selectors
import socket
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import orjson

from tests.ports import HOST

HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
TICK_SECONDS = 0.05
LAST_ANSWERS_SECONDS = 10.0
"""How long answers are waited for once nothing more is sent."""
RECONNECT_SECONDS = 0.05
BYTES_AT_ONCE = 65_536

Request = Callable[[int], bytes]
"""The bytes of the n-th request; numbers are never used twice."""


@dataclass(frozen=True, slots=True)
class Answer:
    number: int
    status: int
    head: bytes
    body: bytes
    seconds: float


Classify = Callable[[Answer], str]


@dataclass
class Report:
    """What came back, by label; what did not, by the way it was lost."""

    elapsed: float = 0.0
    labels: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: int = 0
    """Connections that could not be opened: no request was sent on them."""
    cut: list[int] = field(default_factory=list)
    """Requests whose answer broke off in the middle."""
    unanswered: list[int] = field(default_factory=list)
    """Requests on a connection that had served before, or was silent to the end, without a byte of an answer."""
    turned_away: list[int] = field(default_factory=list)
    """Requests on a new connection that ended without a byte: it waited in the system's queue, and whoever listened
    may have closed that queue without ever having seen it."""

    @property
    def answered(self) -> int:
        return self.labels.total()

    def rate(self, label: str) -> float:
        return self.labels[label] / self.elapsed

    def percentile_ms(self, label: str, percent: float) -> float:
        """The nearest-rank percentile; infinite where there was no such answer."""
        return percentile(self.seconds[label], percent) * 1000


def percentile(values: list[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else math.inf


def by_status(answer: Answer) -> str:
    return str(answer.status)


def by_decision(answer: Answer) -> str:
    """For evaluate: shed or judged, else the status."""
    if answer.status != 200:
        return str(answer.status)
    return "overloaded" if b'"code":"overloaded"' in answer.body else "judged"


def http_request(
    path: str, body: object = None, *, method: str | None = None, headers: Mapping[str, str] | None = None
) -> bytes:
    content = b"" if body is None else orjson.dumps(body)
    lines = [f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1", f"Host: {HOST}"]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + HEAD_END + content


def run_load(
    port: int,
    request: bytes | Request,
    *,
    connections: int,
    seconds: float,
    classify: Classify = by_status,
    rate: float | None = None,
    stop: threading.Event | None = None,
) -> Report:
    """Send for some seconds, or until `stop`; then wait for the answers that are still under way."""
    return Load(port, request, connections, classify, rate).run(seconds, stop or threading.Event())


class Connection:
    __slots__ = ("began", "buffer", "has_served", "is_open", "number", "socket")

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.is_open = False
        self.has_served = False
        self.number: int | None = None
        """Of the request under way."""
        self.began = 0.0
        self.buffer = b""


class Load:
    def __init__(
        self, port: int, request: bytes | Request, connections: int, classify: Classify, rate: float | None
    ) -> None:
        self._port = port
        self._request = request
        self._connections = connections
        self._classify = classify
        self._rate = rate
        self._selector = selectors.DefaultSelector()
        self._idle: deque[Connection] = deque()
        self._due: deque[float] = deque()
        self._reopen: deque[float] = deque()
        """When to try again where a connection was refused."""
        self._next_number = 0
        self._under_way = 0
        self._sending = True
        self._report = Report()

    def run(self, seconds: float, stop: threading.Event) -> Report:
        began = time.perf_counter()
        try:
            for _ in range(self._connections):
                self._open()
            self._send_until(began, began + seconds, stop)
            self._report.elapsed = time.perf_counter() - began
            self._await_last_answers()
        finally:
            for key in list(self._selector.get_map().values()):
                self._lose(key.data, self._report.unanswered)
            self._selector.close()
        return self._report

    def _send_until(self, began: float, end: float, stop: threading.Event) -> None:
        planned = 0
        while (now := time.perf_counter()) < end and not stop.is_set():
            wait = min(TICK_SECONDS, end - now)
            if self._rate is not None:
                while (due := began + planned / self._rate) <= now:
                    self._due.append(due)
                    planned += 1
                wait = min(wait, due - now)
                while self._due and self._idle:
                    self._send(self._idle.popleft(), self._due.popleft())
            while self._reopen and self._reopen[0] <= now:
                self._reopen.popleft()
                self._open()
            self._turn(wait)

    def _await_last_answers(self) -> None:
        self._sending = False
        deadline = time.perf_counter() + LAST_ANSWERS_SECONDS
        while self._under_way and time.perf_counter() < deadline:
            self._turn(TICK_SECONDS)

    def _turn(self, wait: float) -> None:
        for key, _ in self._selector.select(wait):
            connection: Connection = key.data
            if connection.is_open:
                self._receive(connection)
            else:
                self._opened(connection)

    # ---- connections

    def _open(self) -> None:
        made = socket.socket()
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        state = made.connect_ex((HOST, self._port))
        if state not in (0, errno.EINPROGRESS):
            made.close()
            self._refused()
            return
        self._selector.register(made, selectors.EVENT_WRITE, Connection(made))

    def _opened(self, connection: Connection) -> None:
        if connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._close(connection)
            self._refused()
            return
        connection.is_open = True
        self._selector.modify(connection.socket, selectors.EVENT_READ, connection)
        self._go_on(connection)

    def _refused(self) -> None:
        self._report.refused += 1
        self._reopen.append(time.perf_counter() + RECONNECT_SECONDS)

    def _close(self, connection: Connection) -> None:
        self._selector.unregister(connection.socket)
        connection.socket.close()
        with contextlib.suppress(ValueError):
            self._idle.remove(connection)

    # ---- requests and answers

    def _go_on(self, connection: Connection) -> None:
        if not self._sending:
            return
        if self._rate is None:
            self._send(connection, time.perf_counter())
        elif self._due:
            self._send(connection, self._due.popleft())
        else:
            self._idle.append(connection)

    def _send(self, connection: Connection, due: float) -> None:
        number, self._next_number = self._next_number, self._next_number + 1
        connection.number, connection.began = number, due
        self._under_way += 1
        # Small enough for any socket's buffer: it goes out in one piece.
        try:
            connection.socket.send(self._request if isinstance(self._request, bytes) else self._request(number))
        except OSError:
            self._ended(connection)

    def _receive(self, connection: Connection) -> None:
        try:
            received = connection.socket.recv(BYTES_AT_ONCE)
        except OSError:
            received = b""
        if not received:
            self._ended(connection)
            return
        connection.buffer += received
        head, found, rest = connection.buffer.partition(HEAD_END)
        length = LENGTH.search(head) if found else None
        if length is None or len(rest) < int(length[1]):
            return
        self._take(connection, head, rest)

    def _take(self, connection: Connection, head: bytes, body: bytes) -> None:
        assert connection.number is not None
        seconds = time.perf_counter() - connection.began
        answer = Answer(connection.number, int(head[9:12]), head, body, seconds)
        label = self._classify(answer)
        self._report.labels[label] += 1
        self._report.statuses[answer.status] += 1
        self._report.seconds[label].append(seconds)
        connection.number, connection.buffer, connection.has_served = None, b"", True
        self._under_way -= 1
        if CLOSES.search(head):
            self._close(connection)
            if self._sending:
                self._open()
        else:
            self._go_on(connection)

    def _ended(self, connection: Connection) -> None:
        """The other side closed: politely between two answers, or on a request."""
        report = self._report
        self._lose(connection, report.unanswered if connection.has_served else report.turned_away)
        if self._sending:
            self._reopen.append(time.perf_counter() + RECONNECT_SECONDS)

    def _lose(self, connection: Connection, silent: list[int]) -> None:
        if connection.number is not None:
            (self._report.cut if connection.buffer else silent).append(connection.number)
            self._under_way -= 1
        self._close(connection)
