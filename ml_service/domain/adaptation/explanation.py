"""What an adaptation did and why, for a human to check."""

from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["moved", "held", "rolled_back", "insufficient"]
Bound = Literal["target reached", "daily step", "share of the span"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with the interval that holds it in about 95 of 100 cases; no interval from a single day."""

    mean: float
    low: float | None
    high: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Moved:
    parameter: str
    before: float
    after: float
    target: float
    bounded_by: Bound
    flipped: int
    """Signals of the window that pass every other limit and that this step judges differently."""
    on_the_way: Estimate | None
    """Mean result of the signals between the former threshold and the target that pass every other limit."""
    counterfactual_share: float | None
    sentence: str
    flipped_result: Estimate | None = None
    """Mean result of those that this step judges differently; None where there are none."""


@dataclass(frozen=True, slots=True)
class Held:
    parameter: str
    value: float
    target: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Window:
    """The evidence that the figures are drawn from; days count from 1970."""

    first_day: int | None
    last_day: int | None
    outcomes: int
    accepted: int
    counterfactual: int


@dataclass(frozen=True, slots=True)
class RegimeShare:
    regime: str | None
    """None: of evidence whose regime was not known."""
    share: float
    """Of the weights that the targets were drawn from."""
    anchor_weight: float


@dataclass(frozen=True, slots=True)
class Explanation:
    algorithm: str
    preset: str
    verdict: Verdict
    reason: str
    day: int
    new_outcomes: int
    window: Window
    anchor_weight: float | None
    design_effect: float | None
    """How many outcomes carry as much evidence as one independent outcome would."""
    effective_count: float | None
    gain_per_day: Estimate | None
    """What the new thresholds would have gained over the former ones in the window, in R a day."""
    moved: tuple[Moved, ...] = ()
    held: tuple[Held, ...] = ()
    regimes: tuple[RegimeShare, ...] = ()
    """Empty where regimes are not kept apart, or none was known."""


def document_of(explanation: Explanation) -> dict[str, Any]:
    """Plain mappings and lists, ready to be stored."""
    found: dict[str, Any] = plainly(explanation)
    if not explanation.regimes:
        del found["regimes"]
    return found


def plainly(value: Any) -> Any:
    # What the standard library has for this copies every leaf, and takes longer than many a cycle.
    if isinstance(value, tuple):
        return [plainly(one) for one in value]
    if isinstance(value, Explanation | Estimate | Moved | Held | Window | RegimeShare):
        return {name: plainly(getattr(value, name)) for name in value.__slots__}
    return value
