"""How thresholds learn from outcomes. Pure: no clock, no store, the same in a backtest as in the service."""

from ml_service.domain.performance.score import SCORE_WEIGHTS

from .algorithm import Algorithm
from .anchored import Anchored, anchored
from .composite import Composite, composite
from .explanation import Explanation
from .library import Learnable
from .policy import AdaptationPolicy, immovable

__all__ = [
    "SCORE_WEIGHTS",
    "AdaptationPolicy",
    "Algorithm",
    "Anchored",
    "Composite",
    "Explanation",
    "Learnable",
    "anchored",
    "composite",
    "immovable",
]
