"""How boldly a learner moves, and what it does where the evidence is thin."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from ml_service.domain.adaptation.library import STAND_ASIDE
from ml_service.domain.adaptation.utility import Utility
from ml_service.domain.performance.score import SCORE_WEIGHTS


@dataclass(frozen=True, slots=True)
class Preset:
    anchor_share: float
    """The weight that the default vector begins with, and is drawn back to."""
    learning_rate: float
    stand_aside: int = STAND_ASIDE


PRESETS: Mapping[str, Preset] = {
    "cautious": Preset(anchor_share=0.9, learning_rate=0.2, stand_aside=0),
    "balanced": Preset(anchor_share=0.8, learning_rate=0.2),
    "eager": Preset(anchor_share=0.9, learning_rate=0.3),
}


@dataclass(frozen=True, slots=True)
class Options:
    learning_rate_scale: float = 1.0
    trades_min: int = 10
    outcomes_min: int = 50
    span_share_max: float = 0.10
    change_min: float = 0.005
    """In spreads. Smaller moves wait until they add up."""
    step_max: float = 0.15
    """In spreads a day."""
    haircut: float = 0.05
    """In R, taken off what was never traded: such results know neither slippage nor a queue."""
    exploration: float = 0.0
    """Share of the refused signals that are taken all the same, to learn from them."""
    regimes: int = 1
    """How many kinds of market are kept apart; with one, none."""
    other_regimes: float = 0.3
    """How much evidence of another regime counts."""
    pooled: float = 0.3
    """How much the evidence of the user's other symbols counts."""
    cooldown_days: int = 7
    """After a rollback or an undo."""
    utility: Utility = "net_r"
    """What counts: results in R, or what they do to the composite score."""
    score_weights: Mapping[str, float] = field(default_factory=lambda: dict(SCORE_WEIGHTS))

    def __post_init__(self) -> None:
        for name, low, high in RANGES:
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name}: expected a number between {low:g} and {high:g}, found {value}")
        if self.utility not in get_args(Utility):
            raise ValueError(f"utility: expected one of {', '.join(get_args(Utility))}, found {self.utility!r}")


RANGES = (
    ("learning_rate_scale", 0.0, 1_000.0),
    ("trades_min", 0, 1_000_000),
    ("outcomes_min", 0, 1_000_000),
    ("span_share_max", 0.0, 1.0),
    ("change_min", 0.0, 1_000.0),
    ("step_max", 0.0, 1_000.0),
    ("haircut", 0.0, 4.0),
    ("exploration", 0.0, 0.5),
    ("regimes", 1, 100),
    ("other_regimes", 0.0, 1.0),
    ("pooled", 0.0, 100.0),
    ("cooldown_days", 0, 1_000),
)
