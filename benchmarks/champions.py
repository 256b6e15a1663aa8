"""A data folder in which a trained set of models serves: for benchmarks that ask what forecasts cost."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml_service.adapters.shelf.folder import FolderShelf
from ml_service.adapters.signing_key import load_signing_key
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.market import SqlMarket
from ml_service.adapters.store.schema import MARKET, upgrade
from ml_service.adapters.store.sql import SqlStore
from ml_service.domain.market.candles import Stream
from ml_service.domain.models.distance import nearness
from ml_service.domain.models.slots import Place
from ml_service.features.rows import table
from ml_service.features.schema import SCHEMA
from ml_service.learning.examples import Examples
from ml_service.learning.merge import Part, merged
from ml_service.learning.trainers import trainer
from ml_service.learning.trainers.spec import Trained, Wishes
from ml_service.settings import load_settings
from ml_service.usecases.take_candles import LiveFeatures, take_candles
from tests.candles import HOUR_MS, walk
from tests.champions import crowned, shelved_set

FIVE = ("logistic", "forest", "xgboost", "lightgbm", "lstm")
SHORT = {"lstm": {"epochs": 1.0}}
"""How well it has learned changes nothing of what it costs to ask."""
BARS_OF_EACH = 150


@dataclass(frozen=True)
class Taught:
    """A trained member, with its file for serving."""

    model: Trained
    part: Part

    @property
    def rows_back(self) -> int:
        return self.part.rows_back

    def native(self) -> bytes:
        return self.model.native()


def trained() -> tuple[list[Part], bytes]:
    members, graph = trained_members()
    return [member.part for member in members], graph


def trained_members(kinds: Sequence[str] = FIVE, bars: int = 8_640) -> tuple[list[Taught], bytes]:
    """The members with their own parameters, from 90 days of made-up quarters of an hour; and their graph."""
    candles = walk(bars)
    rows = table(candles).astype(np.float32)
    places = np.arange(100, bars - 1)
    examples = Examples(
        schema=SCHEMA,
        rows=rows,
        follows=np.arange(bars) > 0,
        opened_at_ms=candles.opened_at_ms,
        places=places,
        rose=(candles.close[places + 1] > candles.close[places]).astype(np.int8),
        weights=np.ones(places.size),
        known_from=places + 2,
    )
    members = []
    for kind in kinds:
        made = trainer(kind).fit(examples, None, Wishes(parameters=SHORT.get(kind)))
        members.append(Taught(made, Part(made.onnx(), made.rows_back)))
    return members, merged([member.part for member in members], nearness(rows[places]))


def prepared(folder: Path, symbols: Sequence[str], champion: tuple[list[Part], bytes] | None) -> None:
    """Candles of each symbol up to now, and the set in its place; no model without one."""
    settings = load_settings({"ENVIRONMENT": "testing", "ML_SERVICE_DATA_DIR": str(folder)})
    upgrade(settings.database_url)
    upgrade(settings.market_url, line=MARKET)
    database, market_database = Database(settings.database_url), Database(settings.market_url)
    store, market, live = SqlStore(database), SqlMarket(market_database), LiveFeatures()
    now_ms = time.time_ns() // 1_000_000
    first_ms = (now_ms // HOUR_MS - BARS_OF_EACH) * HOUR_MS
    for number, symbol in enumerate(symbols):
        candles = walk(BARS_OF_EACH, seed=number, first_ms=first_ms)
        stream = Stream("binance", symbol, "1h")
        take_candles(stream, candles, market=market, store=store, live=live, now_ms=now_ms)
    if champion is not None:
        parts, graph = champion
        shelf = FolderShelf(folder / "shelf", settings.models.file_bytes_max)
        key = load_signing_key(folder, settings.security.signing_key)
        crowned(shelved_set(shelf, *parts, graph=graph, place=Place(), key=key), store, now_ms)
    database.close()
    market_database.close()
