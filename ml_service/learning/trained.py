"""What a training comes to: models with their files and manifests, and how they are to speak together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_service.domain.models.calibration import Calibration
from ml_service.domain.models.distance import Nearness
from ml_service.domain.models.slots import Place, Slot
from ml_service.learning.evaluation import Evaluation
from ml_service.learning.plan import Plan


@dataclass(frozen=True, slots=True, eq=False)
class TrainedModel:
    slot: Slot
    rows_back: int
    schema_hash: str
    native: bytes
    """To go on training from."""
    onnx: bytes
    """To serve."""
    manifest: Mapping[str, Any]
    """A document; it names both files by their hash, and no number in it is NaN."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainedSet:
    """All of a `ModelSet` but its id, its version and the hash of its graph: those it gets from who keeps it."""

    place: Place
    models: tuple[TrainedModel, ...]
    weights: Mapping[str, tuple[float, ...]]
    """By regime and under `*`, in the order of the models."""
    rises: Calibration
    falls: Calibration
    near: Nearness
    """Its limit is the set's `distance_max`."""
    schema_hash: str
    horizon_minutes: float
    provenance: Mapping[str, Any]
    """How weights and calibration came about, and what they were worth; a document."""

    @property
    def rows_back(self) -> int:
        return max(model.rows_back for model in self.models)


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    plan: Plan
    data_hash: str
    set: TrainedSet
    evaluation: Evaluation
    left_out: Mapping[str, str]
    """Models that could not be trained, and why: they are no members, rather than members that say 0.5."""
    suspicions: tuple[str, ...]
    examples: int
    rows: int
    from_ms: int
    until_ms: int
