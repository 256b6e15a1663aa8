"""How far an import has come, told while it runs."""

import sys
import time
from typing import Any

PLAIN_SECONDS = 5.0
"""So far apart are the lines of progress where nobody watches a bar."""


class Progress:
    """A bar for somebody who watches, plain lines for a log; on stderr, so that the report stays alone on stdout."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._said_at = time.monotonic()
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bars

            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[bars]} bars"))
            self._bar = Bars(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)

    def __enter__(self) -> "Progress":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, what: str) -> None:
        if self._bar is None:
            print(what, file=sys.stderr)
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(what, total=1.0, bars=0)

    def reached(self, share: float, bars: int) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=share, bars=bars)
        elif time.monotonic() - self._said_at >= PLAIN_SECONDS:
            self._said_at = time.monotonic()
            print(f"  {100 * share:.0f} %, {bars} bars", file=sys.stderr)
