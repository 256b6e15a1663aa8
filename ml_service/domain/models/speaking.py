"""Who speaks for a signal: the nearest set that is open here and has not expired, or why nobody does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ml_service.domain.market.feature_rows import FeaturesUsed
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.slots import Place, fall_back
from ml_service.domain.types import ModelStatus

SLOWEST_MS = 20.0
"""A graph that takes longer for one row is none to decide by."""

Hindrance = Literal["loading", "refused"]


@dataclass(frozen=True, slots=True)
class Serving:
    """Which champions can speak in this process."""

    models: Mapping[Place, ModelSet] = field(default_factory=dict)
    silent: Mapping[Place, Hindrance] = field(default_factory=dict)
    """Where a champion was named that cannot be opened, and no earlier one is."""


NOBODY = Serving()


class Question(NamedTuple):
    models: ModelSet
    features: FeaturesUsed


class Figures(NamedTuple):
    """What a graph said of one row."""

    rises: tuple[float, ...]
    """By member; not a number where one has none."""
    distance: float


def question(serving: Serving, symbol: str, features: FeaturesUsed | None, now_ms: int) -> Question | ModelStatus:
    models = speaker(serving, symbol, features.regime if features is not None else None, now_ms)
    if not isinstance(models, ModelSet):
        return models
    if features is None:
        return "no_features"
    if features.status == "stale":
        return "stale_features"
    if features.schema_hash != models.schema_hash:
        return "foreign_schema"
    return Question(models, features)


def speaker(serving: Serving, symbol: str, regime: str | None, now_ms: int) -> ModelSet | ModelStatus:
    """Where nobody can speak, what hindered the nearest."""
    if not serving.models and not serving.silent:
        return "none"
    hindered: ModelStatus | None = None
    for place in fall_back(symbol, regime):
        models = serving.models.get(place)
        if models is None:
            hindered = hindered or serving.silent.get(place)
        elif models.expires_at_ms is not None and now_ms >= models.expires_at_ms:
            hindered = hindered or "expired"
        else:
            return models
    return hindered or "none"
