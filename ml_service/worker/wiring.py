"""Settings into parts: the only file of the worker that names adapters."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from ml_service.adapters.exports.files import LocalExports
from ml_service.adapters.leader import FileLeader, PostgresLeader
from ml_service.adapters.notify.log import LogChannel
from ml_service.adapters.process import Stop
from ml_service.adapters.shared_page import SharedMark, SharedPage
from ml_service.adapters.shelf.folder import FolderShelf
from ml_service.adapters.signing_key import load_signing_key
from ml_service.adapters.store.audit_head import AuditHead
from ml_service.adapters.store.database import Database, Pooling
from ml_service.adapters.store.market import SqlMarket
from ml_service.adapters.store.outbox import SqlOutbox
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.retention import SqlRetention
from ml_service.adapters.store.sql import Committed, SqlStore
from ml_service.adapters.telemetry import logs
from ml_service.adapters.trades_table import SqlTradesTable
from ml_service.adapters.training_runs import TrainingRuns
from ml_service.domain.market.settlement import Costs
from ml_service.settings import Settings
from ml_service.usecases.adapt import Rules
from ml_service.usecases.prune import Ages
from ml_service.usecases.settle_signals import Rules as SettlementRules
from ml_service.worker.parts import Parts


@dataclass(slots=True)
class WorkerProcess:
    parts: Parts
    leader: FileLeader | PostgresLeader
    database: Database
    market_database: Database

    def close(self) -> None:
        self.leader.close()
        self.market_database.close()
        self.database.close()


class Announcer:
    """Tells the web processes of this host of what has changed: once a round, not with every commit.

    Each time, the decisions under way wait until they have fetched the change; a job commits many times a second.
    """

    def __init__(self, generation: SharedMark, head: AuditHead) -> None:
        self._generation = generation
        self._head = head
        self._changed = False

    def committed(self, what: Committed) -> None:
        self._changed = True
        if what.audit_head is not None:
            self._head.remember(*what.audit_head)

    def announce(self) -> None:
        if self._changed:
            self._changed = False
            self._generation.bump()


def open_process(settings: Settings, stopping: Stop) -> WorkerProcess:
    logs.configure(
        settings.logging.level,
        settings.logging.format,
        settings.logging.file_path,
        settings.logging.max_file_bytes,
        settings.logging.backup_count,
        "worker",
    )
    # Nobody waits for an answer here, so a long statement may take its time.
    database = Database(settings.database_url, Pooling(size=3, overflow=2, answer_timeout_ms=15_000))
    market_database = database
    if settings.is_embedded:
        market_database = Database(settings.market_url)
    page = SharedPage(settings.data_dir / "shared.page")
    simulated_ms = simulated(settings, page)

    announcer = Announcer(page.mark("generation"), AuditHead(settings.data_dir))
    store = SqlStore(database, announcer.committed)
    retention = SqlRetention(database)
    trades = settings.trades
    parts = Parts(
        store=store,
        outbox=SqlOutbox(database),
        recorder=DirectRecorder(database),
        retention=retention,
        exports=LocalExports(settings.data_dir),
        notifier=LogChannel(),
        rules=Rules(settings.gate_policy, settings.adaptation_policy, settings.hash),
        adapts_by_itself=settings.adaptation.automatic,
        entropy=os.urandom,
        trades=SqlTradesTable(trades.url.get_secret_value(), trades.table) if trades.url is not None else None,
        trades_poll_seconds=trades.poll_seconds,
        ages=Ages(**settings.retention.model_dump(), horizon_minutes=settings.settlement.horizon_minutes),
        market=SqlMarket(market_database),
        shelf=FolderShelf(settings.data_dir / "shelf", settings.models.file_bytes_max),
        signing_key=load_signing_key(settings.data_dir, settings.security.signing_key),
        retired_files_days=settings.models.retired_files_days,
        trainings=TrainingRuns(settings.data_dir / "training"),
        settlement=settlement_rules(settings),
        settles_by_itself=settings.settlement.enabled,
        now_ms=lambda: simulated_ms() or time.time_ns() // 1_000_000,
        simulated_ms=simulated_ms,
        stopping=stopping.is_set,
        tidy=retention.tidy,
        announce=announcer.announce,
    )
    leader = FileLeader(settings.data_dir / "worker.lock") if database.is_sqlite else PostgresLeader(database.engine)
    return WorkerProcess(parts, leader, database, market_database)


def settlement_rules(settings: Settings) -> SettlementRules:
    given = settings.settlement
    return SettlementRules(
        given.horizon_minutes,
        given.silent_hours,
        Costs(given.fee_percent, given.slippage_percent),
        settings.market.venue,
    )


def simulated(settings: Settings, page: SharedPage) -> Callable[[], int]:
    """The newest X-Test-Time that the web processes of this host have seen, also before a restart."""
    if settings.environment != "testing":
        return lambda: 0
    return page.mark("test_time").value
