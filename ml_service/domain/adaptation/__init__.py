"""How thresholds learn from outcomes. Pure: no clock, no store, the same in a backtest as in the service."""

from .anchored import Anchored, anchored
from .explanation import Explanation
from .library import Learnable
from .policy import SCORE_WEIGHTS, AdaptationPolicy, immovable

__all__ = ["SCORE_WEIGHTS", "AdaptationPolicy", "Anchored", "Explanation", "Learnable", "anchored", "immovable"]
