"""One value that somebody gave to one setting, and where."""

from dataclasses import dataclass
from typing import Any

from ml_service.errors import FieldError


@dataclass(frozen=True, slots=True)
class Given:
    path: str
    value: Any
    label: str
    """The path as a message shows it: with the variable's name, or as the older form had it."""
    source: str = ""
    """The file it stands in; empty for the environment."""


@dataclass(frozen=True, slots=True)
class Layer:
    """All that one source gave, and all that was wrong with how it was given."""

    givens: tuple[Given, ...] = ()
    mistakes: tuple[FieldError, ...] = ()
    notices: tuple[str, ...] = ()
