"""A deadline for bodies that never come: a client that stops in the middle must not hold a thread for ever.

Neither server can be told how long a body may take, and a thread that waits for one cannot be woken. So the waiting is
watched: when it has lasted too long, the receiving side of the connection is shut, the server sees the end of the
stream, and the request is refused like any other that ended early. Linux only; elsewhere nothing is watched.
"""

import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

LOOK_SECONDS = 0.5
TCP_INFO_BYTES = 160
STATE = struct.Struct("=44xI4xI100xI")
"""Of the kernel's tcp_info: milliseconds since data was last sent and since it was last received (of a new connection:
since it was opened), and how many segments of data were sent."""


class BodyDeadline:
    def __init__(self, seconds: float, port: int, at_once: int) -> None:
        self._seconds = seconds
        self._at_once = at_once
        self._port = port
        self._reading: dict[int, float] = {}
        self._stop = threading.Event()
        if sys.platform == "linux":
            threading.Thread(target=self._watch, name="body-deadline", daemon=True).start()

    def is_full(self) -> bool:
        """Whether so many bodies are on their way that only the threads for other requests are left."""
        return len(self._reading) >= self._at_once

    @contextmanager
    def watching(self) -> Iterator[None]:
        me = threading.get_ident()
        self._reading[me] = time.monotonic()
        try:
            yield
        finally:
            del self._reading[me]

    def close(self) -> None:
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            oldest = min(list(self._reading.values()), default=None)
            if oldest is not None and time.monotonic() - oldest > self._seconds:
                end_unanswered(self._port, self._seconds * 1000)


def end_unanswered(port: int, longer_than_ms: float) -> None:
    """Of the connections to our port, those that sent something since our last answer, which is longer ago."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(name))) as connection:
                if connection.type != socket.SOCK_STREAM or connection.getsockname()[1:2] != (port,):
                    continue
                state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
                sent_ms, received_ms, answers = STATE.unpack_from(state)
                if sent_ms >= longer_than_ms and (received_ms < sent_ms or not answers):
                    # Of the connection itself, not of this handle to it.
                    connection.shutdown(socket.SHUT_RD)
        except OSError:
            # Closed meanwhile, or a listener: not what is looked for.
            continue
