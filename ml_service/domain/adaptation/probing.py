"""Probing: what the window would have scored under other thresholds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml_service.domain.adaptation.evidence import Evidence, Flags
from ml_service.domain.adaptation.library import Scale, Vector, passes
from ml_service.domain.outcomes import DAY_MS
from ml_service.domain.performance.performance import performance_of_trades
from ml_service.domain.performance.score import score
from ml_service.domain.performance.trade import ClosedTrade

PERCENT_PER_R = 1.0
"""What a unit of risk is taken for, in percent of the capital."""
SPREADS = 0.5
"""How far a probe goes: far enough that signals lie on the way, near enough that they are like those at the limit."""


@dataclass(frozen=True, slots=True)
class Probe:
    end: float
    """The threshold that was tried, in the learner's units."""
    changed: int
    """Signals of the window that it judges differently."""
    score: float | None
    """None where nothing would have been traded."""


@dataclass(frozen=True, slots=True)
class Probes:
    """None where a threshold stands on its bound."""

    live: float | None
    tighter: tuple[Probe | None, ...]
    looser: tuple[Probe | None, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """The trades of a window, of which any part can be scored."""

    trades: Sequence[ClosedTrade]
    weights: Mapping[str, float]

    def of(self, chosen: Flags) -> float | None:
        """None without a trade: no data is not a bad score."""
        trades = [self.trades[row] for row in np.flatnonzero(chosen).tolist()]
        found = score(performance_of_trades(trades), self.weights)
        return None if found is None else found.value


def scored(evidence: Evidence, weights: Mapping[str, float]) -> Scored:
    rows = zip(evidence.days.tolist(), evidence.results.tolist(), strict=True)
    return Scored([ClosedTrade(day * DAY_MS, "*", pnl_percent=PERCENT_PER_R * r, r=r) for day, r in rows], weights)


def probed(live: Vector, scale: Scale, evidence: Evidence, window: Scored) -> Probes:
    """One threshold at a time, half a spread to either side, all others as they are."""
    ends = np.stack([scale.clipped(live + SPREADS), scale.clipped(live - SPREADS)])
    units = evidence.units.astype(np.float64)
    before = passes(live[None, :], units)[0]
    score_before = window.of(before)

    def probe(side: int, index: int) -> Probe | None:
        end = float(ends[side, index])
        if end == live[index]:
            return None
        vector = live.copy()
        vector[index] = end
        after = passes(vector[None, :], units)[0]
        changed = int(np.count_nonzero(before != after))
        return Probe(end, changed, window.of(after) if changed else score_before)

    every = range(len(live))
    return Probes(score_before, tuple(probe(0, at) for at in every), tuple(probe(1, at) for at in every))
