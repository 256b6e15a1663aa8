"""Random bytes from the system, fetched in larger portions: the call itself costs more than the bytes."""

import os
import threading

PORTION = 8192


class Entropy(threading.local):
    """Each thread has a portion of its own: a batch draws a thousand times, and would wait each time."""

    def __init__(self) -> None:
        self._portion = b""
        self._used = 0

    def __call__(self, count: int) -> bytes:
        if count > PORTION:
            return os.urandom(count)
        if self._used + count > len(self._portion):
            self._portion, self._used = os.urandom(PORTION), 0
        taken = self._portion[self._used : self._used + count]
        self._used += count
        return taken
