"""The worker's parts over a real store, with an alert channel that can be asked."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ml_service.adapters.exports.files import LocalExports
from ml_service.adapters.shelf.folder import FolderShelf
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.market import SqlMarket
from ml_service.adapters.store.outbox import SqlOutbox
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.retention import SqlRetention
from ml_service.adapters.store.schema import MARKET, STORE
from ml_service.adapters.store.sql import SqlStore
from ml_service.adapters.training_runs import TrainingRuns
from ml_service.domain.adaptation import AdaptationPolicy
from ml_service.usecases.adapt import Rules
from ml_service.usecases.prune import Ages
from ml_service.usecases.settle_signals import Rules as SettlementRules
from ml_service.worker.parts import Parts
from tests.builders import HASH, NOW_MS, policy
from tests.fakes import Alerts
from tests.migrated import migrated
from tests.models import KEY


@dataclass
class Bench:
    """A worker without its loop: the test says when, and what time it is."""

    database: Database
    folder: Path
    now_ms: int = NOW_MS
    simulated_ms: int = 0
    stopping: bool = False
    alerts: Alerts = field(default_factory=Alerts)
    tidied: list[int] = field(default_factory=list)
    announced: list[int] = field(default_factory=list)
    """How many jobs were still open at each announcement."""

    def __post_init__(self) -> None:
        self.store = SqlStore(self.database)
        self.parts = Parts(
            store=self.store,
            outbox=SqlOutbox(self.database),
            recorder=DirectRecorder(self.database),
            retention=SqlRetention(self.database),
            exports=LocalExports(self.folder),
            notifier=self.alerts,
            rules=Rules(policy(), AdaptationPolicy(), HASH),
            adapts_by_itself=True,
            entropy=os.urandom,
            trades=None,
            trades_poll_seconds=30.0,
            ages=Ages(30, 730, None, 7, 24, 500),
            market=SqlMarket(self.database),
            shelf=FolderShelf(self.folder / "shelf", 1_000_000),
            signing_key=KEY,
            retired_files_days=180,
            trainings=TrainingRuns(self.folder / "training"),
            settlement=SettlementRules(),
            settles_by_itself=True,
            now_ms=lambda: self.now_ms,
            simulated_ms=lambda: self.simulated_ms,
            stopping=lambda: self.stopping,
            tidy=self.tidied.append,
            announce=lambda: self.announced.append(self.open_jobs()),
        )

    def open_jobs(self) -> int:
        with self.store.read() as reading:
            return len(reading.open_jobs())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    database = Database(migrated(f"sqlite:///{tmp_path / 'store.db'}", STORE, MARKET))
    yield Bench(database, tmp_path)
    database.close()


def until(true: object, seconds: float = 15.0) -> None:
    assert callable(true)
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
