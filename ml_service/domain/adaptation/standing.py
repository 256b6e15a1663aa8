"""Standing: how the window did, and whether it is getting better; no data is not a bad standing."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ml_service.domain.adaptation.evidence import Evidence
from ml_service.domain.adaptation.policy import AdaptationPolicy
from ml_service.domain.adaptation.probing import scored

TREND_MIN = 0.02

Trend = Literal["rising", "falling", "steady", "unknown"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How the window did."""

    score: float | None
    trend: Trend
    told: str
    missing: str | None = None
    """Why there is no score, or none that means anything."""


def standing_of(window: Evidence, policy: AdaptationPolicy) -> Standing:
    """Of what was really traded."""
    trades = int(window.accepted.sum())
    if not trades:
        return Standing(None, "unknown", "", "no data: no trade of the window has a known result")
    if trades < policy.trades_min:
        missing = f"not enough evidence: {trades} trades with a known result, {policy.trades_min} are needed"
        return Standing(None, "unknown", "", missing)
    of_window = scored(window, policy.score_weights)
    value = of_window.of(window.accepted)
    if value is None:
        return Standing(None, "unknown", "", "no data: no figure that has a weight is known of the window")
    later = np.cumsum(window.accepted) > trades // 2
    halves = [of_window.of(window.accepted & half) for half in (~later, later)]
    trend, told = trend_of(halves[0], halves[1])
    return Standing(value, trend, f"the window of {trades} trades scores {value:.3f}{told}")


def trend_of(earlier: float | None, later: float | None) -> tuple[Trend, str]:
    if earlier is None or later is None:
        return "unknown", ""
    trend: Trend = "steady"
    if abs(later - earlier) >= TREND_MIN:
        trend = "rising" if later > earlier else "falling"
    return trend, f", {trend} from {earlier:.3f} in its first half to {later:.3f} in its second"


def window(known: Evidence, trades_max: int) -> Evidence:
    """From the first of the last `trades_max` trades on; what was rejected before its time is no part of it."""
    trades = np.flatnonzero(known.accepted)
    if len(trades) <= trades_max:
        return known
    return known.only(np.arange(trades[-trades_max], len(known)))
