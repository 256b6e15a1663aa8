"""How far a training has come, told while it runs: a bar for each model."""

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

PLAIN_SECONDS = 5.0
"""So far apart are the lines of progress where nobody watches a bar."""
TOLD_SECONDS = 0.5
THOUSANDS = 1_000


class Progress:
    """On stderr, so that the report stays alone on stdout."""

    def __init__(self, models: Sequence[str], fits: int, what: str = "fold") -> None:
        self._fits = fits
        self._what = what
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}
        self._said_at = time.monotonic()
        self._done: set[str] = set()
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
            from rich.progress import Progress as Bars

            columns = (TextColumn("{task.description:12}"), BarColumn(), TextColumn("{task.fields[doing]:16}"))
            self._bar = Bars(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True))
            self._tasks = {name: self._bar.add_task(name, total=1.0, doing="waits", start=False) for name in models}

    def __enter__(self) -> "Progress":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def told(self, model: str, number: int, share: float) -> None:
        done = (number + share) / self._fits
        if model in self._done:
            return
        if done >= 1.0:
            self._done.add(model)
        self._show(model, done, "done" if model in self._done else self._doing(number))

    def _doing(self, number: int) -> str:
        """The last fit of a training is the one that serves."""
        if self._what != "fold":
            return f"{self._what} {number + 1} of {self._fits}"
        return f"fold {number + 1} of {self._fits - 1}" if number < self._fits - 1 else "to serve"

    def _show(self, model: str, done: float, doing: str) -> None:
        if self._bar is not None:
            self._bar.start_task(self._tasks[model])
            self._bar.update(self._tasks[model], completed=done, doing=doing)
        elif model in self._done or time.monotonic() - self._said_at >= PLAIN_SECONDS:
            self._said_at = time.monotonic()
            print(f"  {model}: {100 * done:.0f} % ({doing})", file=sys.stderr)


class Lines(Progress):
    """For a program that follows: one document a line on stdout."""

    def __init__(self, models: Sequence[str], fits: int, what: str = "fold") -> None:
        super().__init__(models, fits, what)
        self._shares = dict.fromkeys(models, 0.0)

    def __enter__(self) -> "Lines":
        return self

    def told(self, model: str, number: int, share: float) -> None:
        self._shares[model] = (number + share) / self._fits
        if time.monotonic() - self._said_at >= TOLD_SECONDS:
            self._said_at = time.monotonic()
            done = sum(self._shares.values()) / len(self._shares)
            print(json.dumps({"done": round(THOUSANDS * done), "total": THOUSANDS, "model": model}), flush=True)
