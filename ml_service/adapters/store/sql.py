"""The store, on SQLite and on PostgreSQL: one look, or one transaction, over the rows of every noun."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ml_service.adapters.store.analytics_rows import AnalyticsReading
from ml_service.adapters.store.audit_rows import AuditReading, AuditWriting
from ml_service.adapters.store.champion_rows import ChampionsReading, ChampionsWriting
from ml_service.adapters.store.change_rows import ChangesReading
from ml_service.adapters.store.counts import CountsReading
from ml_service.adapters.store.cursor_rows import CursorsReading, CursorsWriting
from ml_service.adapters.store.cycle_rows import CyclesWriting, Ready
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.decision_rows import DecisionsReading
from ml_service.adapters.store.export_rows import ExportsReading
from ml_service.adapters.store.feature_head_rows import FeatureHeadsWriting
from ml_service.adapters.store.job_rows import JobsReading, JobsWriting
from ml_service.adapters.store.key_rows import KeysReading, KeysWriting
from ml_service.adapters.store.kill_rows import KillReading, KillWriting
from ml_service.adapters.store.learner_rows import LearnersReading, LearnersWriting
from ml_service.adapters.store.model_rows import ModelsReading, ModelsWriting
from ml_service.adapters.store.outcome_rows import OutcomesReading, OutcomesWriting
from ml_service.adapters.store.resolved_rows import ResolvedReading
from ml_service.adapters.store.settings_rows import SettingsReading, SettingsWriting
from ml_service.adapters.store.settlement_rows import SettlementReading, SettlementWriting
from ml_service.adapters.store.threshold_rows import ThresholdsReading, ThresholdsWriting
from ml_service.adapters.store.what_if_rows import WhatIfReading
from ml_service.adapters.store.writer import publish
from ml_service.domain.events import Event
from ml_service.domain.learner import CycleRecord


@dataclass(frozen=True, slots=True)
class Committed:
    """What a finished transaction tells the rest of the process."""

    generation: int | None
    audit_head: tuple[int, str] | None


class SqlStore:
    def __init__(self, database: Database, on_commit: Callable[[Committed], None] = lambda committed: None) -> None:
        self._database = database
        self._on_commit = on_commit

    @contextmanager
    def read(self) -> Iterator["SqlReading"]:
        with self._database.read() as connection:
            yield SqlReading(connection)

    @contextmanager
    def begin(self) -> Iterator["SqlWriting"]:
        with self._database.write() as connection:
            writing = SqlWriting(connection)
            yield writing
        if writing.committed.generation is not None:
            self._on_commit(writing.committed)

    def save_cycles(self, records: Sequence[CycleRecord]) -> None:
        ready = Ready(records)
        with self.begin() as writing:
            writing.save_cycles(ready)


class SqlReading(
    ChangesReading,
    ThresholdsReading,
    DecisionsReading,
    OutcomesReading,
    SettlementReading,
    LearnersReading,
    JobsReading,
    ModelsReading,
    ChampionsReading,
    ResolvedReading,
    AnalyticsReading,
    WhatIfReading,
    ExportsReading,
    SettingsReading,
    KillReading,
    KeysReading,
    AuditReading,
    CursorsReading,
    CountsReading,
):
    """The table of contents: a new noun is one file beside this one, and one line here, or below, or both."""


class SqlWriting(
    SqlReading,
    CyclesWriting,
    FeatureHeadsWriting,
    ThresholdsWriting,
    LearnersWriting,
    JobsWriting,
    ModelsWriting,
    ChampionsWriting,
    OutcomesWriting,
    SettlementWriting,
    SettingsWriting,
    KillWriting,
    KeysWriting,
    AuditWriting,
    CursorsWriting,
):
    @property
    def committed(self) -> Committed:
        return Committed(self._generation_moved, self._audit_head)

    def publish(self, event: Event, at_ms: int) -> None:
        publish(self._connection, event, at_ms)
