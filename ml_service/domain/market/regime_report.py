"""The regimes' own report: how often each is told, for how long, and what it says about the returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ml_service.domain.market.candles import Candles
from ml_service.domain.market.regime_confidence import AHEAD_BARS
from ml_service.domain.market.regime_returns import Ahead, Inside, ahead, inside, returns_of
from ml_service.domain.market.regime_stays import Stays, known, runs, stays_of, transitions
from ml_service.domain.market.regimes import REGIMES, UNKNOWN, Regime, Regimes

BLOCK_BARS = 480
"""Twelve times as long as a stay usually is."""

CONFIDENCE_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class RegimeFigures:
    regime: Regime
    bars: int
    share: float
    """Of the bars whose regime is known."""
    stays: Stays
    inside: Inside
    ahead: Ahead


@dataclass(frozen=True, slots=True)
class Kept:
    """Of the bars with a confidence in that span, what it promised, and what came true."""

    low: float
    high: float
    bars: int
    promised: float
    kept: float


@dataclass(frozen=True, slots=True)
class RegimeReport:
    bars: int
    unknown: int
    stays: Stays
    switches_per_100: float
    figures: tuple[RegimeFigures, ...]
    """In the order of REGIMES, those that were never told too."""
    transitions: tuple[tuple[float, ...], ...]
    confidence: tuple[Kept, ...]
    """Spans without a bar are left out."""


def regime_report(
    candles: Candles, regimes: Regimes, ahead_bars: int = 12, block_bars: int = BLOCK_BARS
) -> RegimeReport:
    assert len(candles) == len(regimes)
    told = known(regimes.code)
    stays, lengths = runs(told)
    return RegimeReport(
        bars=len(candles),
        unknown=len(candles) - told.size,
        stays=stays_of(lengths),
        switches_per_100=100.0 * max(stays.size - 1, 0) / max(told.size, 1),
        figures=tuple(figures(candles, regimes, ahead_bars, block_bars)),
        transitions=transitions(stays),
        confidence=tuple(kept(regimes)),
    )


def figures(candles: Candles, regimes: Regimes, ahead_bars: int, block_bars: int) -> Sequence[RegimeFigures]:
    returns = returns_of(candles, ahead_bars)
    told = regimes.code != UNKNOWN
    stays, lengths = runs(known(regimes.code))
    found = []
    for place, regime in enumerate(REGIMES):
        here = regimes.code == place
        bars = int(np.count_nonzero(here))
        found.append(
            RegimeFigures(
                regime,
                bars,
                bars / max(int(np.count_nonzero(told)), 1),
                stays_of(lengths[stays == place]),
                inside(returns, here, block_bars),
                ahead(returns, here, told & ~here, block_bars),
            )
        )
    return found


def kept(regimes: Regimes) -> Sequence[Kept]:
    now, later = regimes.code[:-AHEAD_BARS], regimes.code[AHEAD_BARS:]
    told = now != UNKNOWN
    confidence, came_true = regimes.confidence[:-AHEAD_BARS][told], (now == later)[told]
    spans = np.digitize(confidence, CONFIDENCE_EDGES[1:-1])
    found = []
    for place, (low, high) in enumerate(pairwise(CONFIDENCE_EDGES)):
        here = spans == place
        if here.any():
            promised, true = float(confidence[here].mean()), float(came_true[here].mean())
            found.append(Kept(low, high, int(np.count_nonzero(here)), promised, true))
    return found
