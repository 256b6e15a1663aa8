"""What the tests of the rows write first, and how they read page by page."""

from collections.abc import Callable
from typing import Any

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.ports import Page, Period
from tests.builders import NOW_MS

ALL = Period()
"""A list that is not narrowed."""


def write(database: Database, *decisions: Any) -> None:
    DirectRecorder(database).record(decisions, 0)


def report(database: Database, *outcomes: Any, at_ms: int = NOW_MS) -> None:
    DirectRecorder(database).keep(outcomes, at_ms)


def pages(fetch: Callable[[str | None], Page[Any]]) -> list[list[Any]]:
    found, cursor = [], None
    while True:
        page = fetch(cursor)
        found.append(list(page.items))
        if page.next_cursor is None:
            return found
        cursor = page.next_cursor
        assert len(found) < 50
