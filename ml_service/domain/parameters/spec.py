"""What a gate parameter is: a signal field, a limit with bounds, and a test for each side."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ml_service.domain.types import Trade

Comparison = Literal["at_least", "at_most", "magnitude_at_least"]


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    fields: tuple[str, ...]
    """Signal fields that carry the value; the first one present counts."""
    default: float
    low: float
    high: float
    value_low: float | None
    value_high: float | None
    """What a signal may carry at all; beyond it the request is refused."""
    comparison: Callable[[Trade], Comparison]
    limit: Callable[[float, Trade], float]
    """The threshold as this side sees it: SELL mirrors RSI and the signed parameters."""
    facing: Callable[[float, Trade], float]
    """A signal's value as a BUY would see it."""
    spread: float
    """The usual spread of those values where nothing was measured yet; of their logarithm on a log scale."""
    sense: Literal[1, -1] = 1
    """+1 where a BUY's value must reach the threshold, -1 where it must not exceed it."""
    scale: Literal["linear", "log"] = "linear"


def meets(value: float, limit: float, comparison: Comparison) -> bool:
    if comparison == "at_least":
        return value >= limit
    if comparison == "at_most":
        return value <= limit
    return abs(value) >= limit


def same_limit(threshold: float, side: Trade) -> float:
    return threshold


def mirrored_limit(threshold: float, side: Trade) -> float:
    # 0.0 - x rather than -x: a threshold of 0 must not be shown as -0.0.
    return threshold if side == "BUY" else 0.0 - threshold


def same_value(value: float, side: Trade) -> float:
    return value


def mirrored_value(value: float, side: Trade) -> float:
    return value if side == "BUY" else 0.0 - value


def magnitude(value: float, side: Trade) -> float:
    return abs(value)


def at_least(side: Trade) -> Comparison:
    return "at_least"


def magnitude_at_least(side: Trade) -> Comparison:
    return "magnitude_at_least"


def at_least_for_buy(side: Trade) -> Comparison:
    return "at_least" if side == "BUY" else "at_most"


def at_most_for_buy(side: Trade) -> Comparison:
    return "at_most" if side == "BUY" else "at_least"
