"""A set: the models that speak together. It never changes; another mixture, or another calibration, is another set."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_service.domain.models.calibration import Calibration
from ml_service.domain.models.slots import EVERY, Place


@dataclass(frozen=True, slots=True)
class Member:
    model_id: str
    model_type: str
    version: int


@dataclass(frozen=True, slots=True)
class ModelSet:
    set_id: str
    version: int
    """Counts the sets of its place."""
    place: Place
    members: tuple[Member, ...]
    """In the order of the graph's figures."""
    weights: Mapping[str, tuple[float, ...]]
    """By regime, in the order of the members, adding up to 1; under `*` for a regime that is not named."""
    rises: Calibration
    """From the models' combined figure to the chance that a purchase pays after costs …"""
    falls: Calibration
    """… and from one minus that figure to the chance that a sale does."""
    schema_hash: str
    rows_back: int
    """So many rows in a row, the newest last, does the graph want; 1 unless a member reads sequences."""
    distance_max: float
    """A row that lies farther from those it was trained on is none of its business."""
    graph_sha256: str
    horizon_minutes: float
    expires_at_ms: int | None = None

    def weights_in(self, regime: str | None) -> tuple[float, ...]:
        return self.weights.get(regime or EVERY, self.weights[EVERY])
