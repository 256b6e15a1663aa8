"""What the worker's handlers and scheduled functions may use, named by socket."""

from collections.abc import Callable
from dataclasses import dataclass

from ml_service.domain.models.signing import SigningKey
from ml_service.ports import (
    ExportFiles,
    Market,
    Notifier,
    Outbox,
    Recorder,
    Retention,
    Shelf,
    Store,
    TradesTable,
    Trainings,
)
from ml_service.usecases.adapt import Rules
from ml_service.usecases.prune import Ages
from ml_service.usecases.settle_signals import Rules as SettlementRules


@dataclass(slots=True)
class Parts:
    store: Store
    outbox: Outbox
    recorder: Recorder
    retention: Retention
    exports: ExportFiles
    notifier: Notifier
    rules: Rules
    adapts_by_itself: bool
    entropy: Callable[[int], bytes]
    trades: TradesTable | None
    trades_poll_seconds: float
    ages: Ages
    market: Market
    shelf: Shelf
    signing_key: SigningKey
    retired_files_days: int
    trainings: Trainings
    settlement: SettlementRules
    settles_by_itself: bool
    """Whether what nobody reported is worked out; what was already gives way to a report in any case."""
    now_ms: Callable[[], int]
    simulated_ms: Callable[[], int]
    """The newest time that a simulation has named; 0 outside of simulations."""
    stopping: Callable[[], bool]
    tidy: Callable[[int], None]
    """Partitions and checkpoints: what the database wants from time to time."""
    announce: Callable[[], None]
    """Lets those who decide know of what was changed."""
