"""A body that is sent while it is made, and that lets go of what it holds however the sending ends."""

import threading
from collections.abc import Callable, Iterator


class Stream:
    """`on_end` is called once: at the end, when the making fails, or when nobody listens any more."""

    def __init__(self, pieces: Iterator[bytes], on_end: Callable[[], None]) -> None:
        self._pieces = pieces
        self._on_end = on_end
        self._lock = threading.Lock()
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except BaseException:
            # The end is one of these, too.
            self.close()
            raise

    def close(self) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = True
        try:
            close = getattr(self._pieces, "close", None)
            if close is not None:
                close()
        finally:
            self._on_end()

    def __del__(self) -> None:
        # Not every server closes the body of a caller that went away; all of them drop it.
        self.close()
