"""The policy under which thresholds move, and whether they could move at all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ml_service.domain.adaptation.utility import Utility
from ml_service.domain.performance.score import SCORE_WEIGHTS
from ml_service.domain.types import GatePolicy
from ml_service.errors import FieldError


@dataclass(frozen=True, slots=True)
class AdaptationPolicy:
    algorithm: Literal["anchored", "composite"] = "anchored"
    preset: str = "balanced"
    """cautious, balanced or eager."""
    pooling: float = 0.3
    """How much the evidence of a user's other symbols counts; 0 lets every symbol learn alone."""
    learning_rate: float = 0.01
    """0.01 stands for a step weight (eta) of 0.2, proportionally."""
    learning_rate_min: float = 0.001
    learning_rate_max: float = 0.1
    performance_window: int = 100
    trades_min: int = 10
    frequency_hours: float = 24.0
    span_share_max: float = 0.10
    """The largest move of one cycle, as a share of the parameter's span."""
    change_share_min: float = 0.005
    """Moves below this share wait until they add up."""
    cooldown_hours: float = 48.0
    utility: Utility = "net_r"
    """What the anchored algorithm counts: results in R, or what they do to the composite score."""
    regimes: Literal["together", "separate"] = "together"
    """Whether the anchored algorithm keeps weights of its own for each kind of market."""
    exploration: float = 0.0
    """Share of the refused signals that are taken all the same, to learn from them."""
    score_weights: Mapping[str, float] = field(default_factory=lambda: dict(SCORE_WEIGHTS))


def immovable(policy: AdaptationPolicy, gate: GatePolicy) -> tuple[FieldError, ...]:
    """Every reason why no threshold could ever move under these settings; empty when they can."""
    complaints = []
    if policy.change_share_min >= policy.span_share_max:
        complaints.append(
            FieldError(
                "adaptation.change_share_min",
                f"expected less than span_share_max ({policy.span_share_max:g}), found {policy.change_share_min:g}:"
                " every allowed step would be too small to be applied",
            )
        )
    if policy.learning_rate <= 0.0:
        complaints.append(FieldError("adaptation.learning_rate", "expected more than 0: no evidence would count"))
    if policy.trades_min > policy.performance_window:
        complaints.append(
            FieldError(
                "adaptation.trades_min",
                f"expected at most performance_window ({policy.performance_window}), found {policy.trades_min}:"
                " the window never holds enough trades",
            )
        )
    if not any(policy.score_weights.values()):
        complaints.append(FieldError("adaptation.score_weights", "expected one weight that is not 0"))
    if all(limits.low == limits.high for limits in gate.values()):
        complaints.append(FieldError("gate", "expected one parameter with room between low and high"))
    return tuple(complaints)
