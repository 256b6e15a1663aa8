"""Choosing: which way a threshold goes under the composite score, how far, or why it stays."""

import math
from dataclasses import dataclass

from ml_service.domain.adaptation.explanation import Bound
from ml_service.domain.adaptation.library import Scale, Vector
from ml_service.domain.adaptation.policy import AdaptationPolicy
from ml_service.domain.adaptation.probing import Probe, Probes
from ml_service.domain.adaptation.standing import Trend

GAIN_MIN = 0.05
"""By how much the window must have scored higher for a threshold to move. A tenth of that is luck on most days:
thresholds that were right lost half of their profit by it."""
GAIN_FULL = 0.15
"""From here on a step has its full size."""
HALF = 0.5
"""Below this score both are smaller in proportion: toward 0 the scale is compressed, and it is there that a change of
the thresholds is needed most."""
STEP_NEAR_ZERO = 0.1
"""In spreads."""
NEAR_ZERO = 1.0
"""In spreads: a tenth of a value closer to zero than this is no step at all."""
STEP_SHARE = 0.1
"""Of the value, where it is not near zero."""
STEP_MAX = 0.15
"""In spreads a day, at the usual learning rate: a tenth of an RSI of 70 is a whole spread, and one window is no
reason for that."""
LEARNING_RATE_USUAL = 0.01
RISING_SHARE = 0.5
"""Of a step that is taken while the score rises anyway: what works is disturbed less."""


@dataclass(frozen=True, slots=True)
class Choice:
    step: float
    """In the learner's units; 0 where the threshold stays."""
    why: str
    bound: Bound | None = None
    probe: Probe | None = None


def choice_of(index: int, live: Vector, probes: Probes, trend: Trend, scale: Scale, policy: AdaptationPolicy) -> Choice:
    tighter, looser = probes.tighter[index], probes.looser[index]
    best = better_of(tighter, looser, probes.live)
    if best is None or probes.live is None:
        return Choice(0.0, why_not(tighter, looser, probes.live))
    probe, gained = best
    compressed = min(1.0, probes.live / HALF)
    if gained < GAIN_MIN * compressed:
        return Choice(0.0, why_not(tighter, looser, probes.live))
    span = float(scale.high[index] - scale.low[index])
    room = abs(probe.end - float(live[index]))
    strength = min(1.0, gained / (GAIN_FULL * compressed)) if compressed else 1.0
    bounds: dict[Bound, float] = {
        "target reached": room,
        "share of the span": policy.span_share_max * span,
        "daily step": rate_of(policy, trend) * min(full_step(index, live, scale, strength), STEP_MAX),
    }
    bound = min(bounds, key=lambda name: bounds[name])
    size = bounds[bound]
    if size == 0.0 or size < policy.change_share_min * span:
        share = f"{policy.change_share_min:.1%} of its span"
        return Choice(0.0, f"the window would have scored {gained:.3f} higher: a step of less than {share} waits")
    instead = f"scored {probe.score:.3f} instead of {probes.live:.3f}"
    return Choice(math.copysign(size, probe.end - float(live[index])), instead, bound, probe)


def better_of(tighter: Probe | None, looser: Probe | None, live: float | None) -> tuple[Probe, float] | None:
    """The side on which the window would have scored higher, and by how much."""
    better = [
        (probe, probe.score - live)
        for probe in (tighter, looser)
        if live is not None and probe is not None and probe.score is not None and probe.score > live
    ]
    return max(better, key=lambda pair: pair[1], default=None)


def rate_of(policy: AdaptationPolicy, trend: Trend) -> float:
    rate = min(max(policy.learning_rate, policy.learning_rate_min), policy.learning_rate_max)
    return rate / LEARNING_RATE_USUAL * (RISING_SHARE if trend == "rising" else 1.0)


def full_step(index: int, live: Vector, scale: Scale, strength: float) -> float:
    """In spreads: a tenth of the value times what speaks for it, and near zero, where that is nothing, a tenth of a
    spread."""
    if scale.logarithmic[index]:
        return strength * math.log1p(STEP_SHARE) * abs(float(scale.factor[index]))
    value = abs(float(live[index]))
    return STEP_NEAR_ZERO if value < NEAR_ZERO else strength * STEP_SHARE * value


def why_not(tighter: Probe | None, looser: Probe | None, live: float | None) -> str:
    if tighter is None and looser is None:
        return "has no room between its bounds"
    if live is None:
        return "no signal of the window passes the limits as they are"
    if not any(probe and probe.changed for probe in (tighter, looser)):
        return "no signal of the window that passes all other limits lies within half a spread of it"
    tried = [
        f"{score_of(probe)} if {name}"
        for name, probe in (("tighter", tighter), ("looser", looser))
        if probe is not None
    ]
    return f"the window would have scored {' and '.join(tried)}, and {live:.3f} as it is: no reason to move"


def score_of(probe: Probe) -> str:
    return "nothing" if probe.score is None else f"{probe.score:.3f}"
