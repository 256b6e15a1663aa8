"""Stand-ins for the world outside: a database that can be switched off, a shared mark, an alert channel."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from ml_service.adapters.store.database import Database
from ml_service.domain.models.speaking import NOBODY, Figures, Question, Serving
from ml_service.domain.types import ModelStatus
from ml_service.domain.view import View
from ml_service.errors import StoreUnavailable


class SwitchedDatabase(Database):
    """The real database behind a switch: off, it answers as one that is away."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.away = False

    @contextmanager
    def write(self, synced: bool = True, over: Connection | None = None) -> Iterator[Connection]:
        self._answer()
        with super().write(synced, over) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self._answer()
        with super().read() as connection:
            yield connection

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailable("switched off by the test")


class Mark:
    """A shared mark for one process alone."""

    def __init__(self) -> None:
        self._value = 0

    def value(self) -> int:
        return self._value

    def bump(self) -> None:
        self._value += 1


class Alerts:
    """A notification channel that remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, dict[str, Any]]] = []

    def alert(self, severity: str, what: str, facts: Mapping[str, Any]) -> None:
        self.heard.append((severity, what, dict(facts)))


class NoForecaster:
    """For decisions without models: nobody to ask."""

    def serving(self) -> Serving:
        return NOBODY

    def figures(self, view: View, questions: Sequence[Question]) -> list[Figures | ModelStatus]:
        return ["none"] * len(questions)
