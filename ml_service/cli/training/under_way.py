"""Models that are being trained, as rows that say so: there from the first fit on, and told why where it comes to
nothing."""

import contextlib
import hashlib
from collections.abc import Mapping
from types import TracebackType

from ml_service.adapters.training_runs import TrainingRun, TrainingRuns
from ml_service.cli.wiring import open_store
from ml_service.domain.models.canonical import canonical
from ml_service.domain.models.slots import Slot
from ml_service.errors import ServiceError, Unavailable
from ml_service.features.schema import SCHEMA
from ml_service.learning.manifest import plan_document
from ml_service.learning.plan import Plan
from ml_service.settings import Settings
from ml_service.usecases.register_models import begin_training, fail_training

STOPPED = "stopped; the same command goes on where it was"


class UnderWay:
    """Of one training. What was begun and is left with an error has failed.

    A process that is killed tells nothing. The next run of the same plan takes its rows over, or the worker of this
    host sees that nobody holds its run any more. Where neither can, they are given up after two days.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._run: TrainingRun | None = None
        self.rows: dict[Slot, str] = {}

    def __enter__(self) -> "UnderWay":
        return self

    def __exit__(self, _: object, error: BaseException | None, __: TracebackType | None) -> None:
        told = error is None or self._end(dict.fromkeys(self.rows, reason_of(error)))
        if self._run is not None and told:
            self._run.forget()
        elif self._run is not None:
            self._run.let_go()

    def begin(self, plan: Plan) -> None:
        name = hashlib.sha256(described(plan).encode()).hexdigest()
        self._run = TrainingRuns(self._settings.data_dir / "training").begin(name)
        earlier = self._run.rows()
        with open_store(self._settings) as tools:
            for model_type in plan.models:
                slot = Slot(model_type, *plan.place)
                row = begin_training(
                    slot,
                    SCHEMA.hash,
                    now_ms=tools.now_ms(),
                    store=tools.store,
                    entropy=tools.entropy,
                    earlier=earlier.get(model_type),
                )
                self.rows[slot] = row.model_id
                self._run.note({one.model_type: row_id for one, row_id in self.rows.items()})

    def leave_out(self, reasons: Mapping[str, str]) -> None:
        """Some learned nothing, by type; the others go on."""
        self._end({slot: reasons[slot.model_type] for slot in self.rows if slot.model_type in reasons})

    def _end(self, reasons: Mapping[Slot, str]) -> bool:
        """Whether they could be told of."""
        # With the database away, they are given up later; what went wrong first is what is told.
        with contextlib.suppress(Unavailable), open_store(self._settings, migrated=False) as tools:
            for slot, reason in reasons.items():
                fail_training(self.rows[slot], reason, now_ms=tools.now_ms(), store=tools.store)
            return True
        return False


def described(plan: Plan) -> str:
    return canonical({**plan_document(plan), "models": plan.models})


def reason_of(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return STOPPED
    return str(error) if isinstance(error, ServiceError) else f"{type(error).__name__}: {error}"
