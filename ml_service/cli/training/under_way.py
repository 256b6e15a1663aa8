"""Models that are being trained, as rows that say so: there from the first fit on, and told why where it comes to
nothing."""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from types import TracebackType

from ml_service.cli.training.kept import KeptFits
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

    Nobody tells of a process that is killed. The next run of the same plan takes its rows over, else they are given up
    after two days.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.rows: dict[Slot, str] = {}

    def __enter__(self) -> "UnderWay":
        return self

    def __exit__(self, _: object, error: BaseException | None, __: TracebackType | None) -> None:
        if error is not None:
            self._end(dict.fromkeys(self.rows, reason_of(error)))

    def begin(self, plan: Plan) -> None:
        kept = KeptFits(self._settings.data_dir / "training")
        name = f"rows-{hashlib.sha256(described(plan).encode()).hexdigest()}"
        earlier = rows_from(kept.read(name))
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
        kept.keep(name, json.dumps({slot.model_type: row for slot, row in self.rows.items()}).encode())

    def leave_out(self, reasons: Mapping[str, str]) -> None:
        """Some learned nothing, by type; the others go on."""
        self._end({slot: reasons[slot.model_type] for slot in self.rows if slot.model_type in reasons})

    def _end(self, reasons: Mapping[Slot, str]) -> None:
        # With the database away, they are given up later; what went wrong first is what is told.
        with contextlib.suppress(Unavailable), open_store(self._settings, migrated=False) as tools:
            for slot, reason in reasons.items():
                fail_training(self.rows[slot], reason, now_ms=tools.now_ms(), store=tools.store)


def rows_from(content: bytes | None) -> dict[str, str]:
    """By type; none where a power cut left something else."""
    try:
        found = json.loads(content or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def described(plan: Plan) -> str:
    return canonical({**plan_document(plan), "models": plan.models})


def reason_of(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return STOPPED
    return str(error) if isinstance(error, ServiceError) else f"{type(error).__name__}: {error}"
