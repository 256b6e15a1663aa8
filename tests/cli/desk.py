"""How a command ended, and what several tests of the commands need."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.sql import SqlStore
from ml_service.settings import Settings


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


Type = Callable[..., Ended]
"""Types a command; tells how it ended."""


def store_of(settings: Settings) -> tuple[Database, SqlStore]:
    database = Database(settings.database_url)
    return database, SqlStore(database)


def create(typed: Type, *words: str) -> tuple[str, str]:
    """The id of a new key, and its token."""
    ended = typed("keys", "create", *words)
    assert ended.status == 0, ended.err
    (token,) = re.findall(r"^mls_\S+$", ended.out, re.MULTILINE)
    return token.split("_")[1], token
