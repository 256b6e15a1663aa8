"""The store for one command: the only file of this room that builds adapters for use-cases."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ml_service.adapters.inference.shelved import ShelvedGraphs
from ml_service.adapters.rollups.local import LocalRollups
from ml_service.adapters.shared_page import SharedPage
from ml_service.adapters.shelf.folder import FolderShelf
from ml_service.adapters.signing_key import load_signing_key
from ml_service.adapters.store.audit_head import AuditHead
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.market import SqlMarket
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.schema import MARKET, upgrade
from ml_service.adapters.store.sql import Committed, SqlStore
from ml_service.domain.models.signing import SigningKey
from ml_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Tools:
    store: SqlStore
    now_ms: Callable[[], int]
    entropy: Callable[[int], bytes]


@contextmanager
def open_store(settings: Settings, migrated: bool = True) -> Iterator[Tools]:
    if migrated:
        upgrade(settings.database_url)
    database = Database(settings.database_url)
    head = AuditHead(settings.data_dir)
    generation = SharedPage(settings.data_dir / "shared.page").mark("generation")

    def committed(what: Committed) -> None:
        generation.bump()
        if what.audit_head is not None:
            head.remember(*what.audit_head)

    try:
        yield Tools(SqlStore(database, committed), lambda: time.time_ns() // 1_000_000, os.urandom)
    finally:
        database.close()


@dataclass(frozen=True, slots=True)
class ModelTools:
    """What it takes to keep models and to let them serve."""

    store: SqlStore
    shelf: FolderShelf
    signing_key: SigningKey
    now_ms: Callable[[], int]
    entropy: Callable[[int], bytes]


@contextmanager
def open_models(settings: Settings) -> Iterator[ModelTools]:
    key = load_signing_key(settings.data_dir, settings.security.signing_key)
    shelf = FolderShelf(settings.data_dir / "shelf", settings.models.file_bytes_max)
    with open_store(settings) as tools:
        yield ModelTools(tools.store, shelf, key, tools.now_ms, tools.entropy)


@contextmanager
def open_market(settings: Settings) -> Iterator[SqlMarket]:
    upgrade(settings.market_url, line=MARKET)
    database = Database(settings.market_url)
    try:
        yield SqlMarket(database)
    finally:
        database.close()


def open_graphs(settings: Settings) -> ShelvedGraphs:
    shelf = FolderShelf(settings.data_dir / "shelf", settings.models.file_bytes_max)
    return ShelvedGraphs(shelf, slowest_ms=settings.models.slowest_ms)


@dataclass(frozen=True, slots=True)
class Stores:
    """What an import writes to."""

    store: SqlStore
    market: SqlMarket
    recorder: DirectRecorder


@contextmanager
def open_stores(settings: Settings) -> Iterator[Stores]:
    with open_store(settings) as tools, open_market(settings) as market:
        database = Database(settings.database_url)
        try:
            yield Stores(tools.store, market, DirectRecorder(database))
        finally:
            database.close()


@contextmanager
def open_rollups(settings: Settings) -> Iterator[LocalRollups]:
    rollups = LocalRollups(settings.data_dir)
    try:
        yield rollups
    finally:
        rollups.close()
