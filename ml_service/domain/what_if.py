"""What if the thresholds had been others? The gate once more, over signals whose result is known."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.adaptation.cycle import Recent
from ml_service.domain.adaptation.presets import Options
from ml_service.domain.outcomes import DAY_MS, StoredOutcome
from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.statistics.estimate import Estimate, clustered_mean
from ml_service.domain.types import GatePolicy

HAIRCUT_R = Options().haircut
"""Taken off what was never traded, as learning does: such results know neither slippage nor a queue."""
PERCENT_KNOWN_MAX = 100

Values = tuple[float | None, ...]
"""In the order of the shelf, as a BUY would see them; None where the signal carried nothing."""
Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class KnownResult:
    """A signal with what became of it. The outcome has a lesson."""

    stored: StoredOutcome
    at_ms: int
    percent_per_r: float | None
    """What a unit of risk was worth when this was learned from."""


@dataclass(frozen=True, slots=True)
class OpenSignal:
    """A signal that was judged and whose result nobody has told."""

    symbol: str
    values: Values


@dataclass(frozen=True, slots=True)
class Choice:
    """Thresholds of one symbol: those that decide now, and those of the question."""

    now: Mapping[str, float]
    then: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Tally:
    """Some of the signals. Intervals count days as the pieces, so they need two."""

    count: int
    counterfactual: int
    r_known: int
    """Of how many the result in R is known; sum and mean are theirs."""
    sum_r: Estimate | None
    mean_r: Estimate | None
    pnl_known: int
    pnl: float | None
    """As it was reported, without a haircut."""


@dataclass(frozen=True, slots=True)
class Comparison:
    signals: Tally
    taken_now: Tally
    taken_then: Tally
    gained: Tally
    """Taken only then, and won."""
    let_in: Tally
    """Taken only then, and not won."""
    avoided: Tally
    """Taken only now, and not won."""
    missed: Tally
    """Taken only now, and won."""
    days: int
    """From the first to the last day with a signal."""
    difference_per_day: Estimate | None
    """In R: what would have been taken in addition, less what would have been left out."""


@dataclass(frozen=True, slots=True)
class Flips:
    newly_taken: int
    no_longer_taken: int


def compare(known: Sequence[KnownResult], choices: Mapping[str, Choice], policy: GatePolicy) -> Comparison:
    symbols = [one.stored.outcome.symbol for one in known]
    now, then = judged(symbols, [lesson_values(one) for one in known], choices, policy)
    results = results_of(known)
    newly, dropped = then & ~now, now & ~then
    return Comparison(
        signals=results.tally(np.ones(len(known), dtype=np.bool_)),
        taken_now=results.tally(now),
        taken_then=results.tally(then),
        gained=results.tally(newly & results.won),
        let_in=results.tally(newly & ~results.won),
        avoided=results.tally(dropped & ~results.won),
        missed=results.tally(dropped & results.won),
        days=results.all_days,
        difference_per_day=results.per_day(newly.astype(np.float64) - dropped.astype(np.float64)),
    )


def flips(signals: Sequence[OpenSignal], choices: Mapping[str, Choice], policy: GatePolicy) -> Flips:
    now, then = judged([one.symbol for one in signals], [one.values for one in signals], choices, policy)
    return Flips(int(np.count_nonzero(then & ~now)), int(np.count_nonzero(now & ~then)))


# ---- the gate, many signals at once


def judged(
    symbols: Sequence[str], values: Sequence[Values], choices: Mapping[str, Choice], policy: GatePolicy
) -> tuple[Flags, Flags]:
    """Which signals would be taken now, and which then."""
    now, then = np.zeros(len(symbols), dtype=np.bool_), np.zeros(len(symbols), dtype=np.bool_)
    rows: dict[str, list[int]] = defaultdict(list)
    for position, symbol in enumerate(symbols):
        rows[symbol].append(position)
    carried = matrix(values)
    for symbol, own in rows.items():
        now[own] = taken(carried[own], choices[symbol].now, policy)
        then[own] = taken(carried[own], choices[symbol].then, policy)
    return now, then


def taken(carried: Matrix, thresholds: Mapping[str, float], policy: GatePolicy) -> Flags:
    """As the gate decides: every parameter that is carried passes, none is missing that is demanded, and at least
    one is carried."""
    passed: Flags = ~np.all(np.isnan(carried), axis=1)
    for column, (name, parameter) in enumerate(PARAMETERS.items()):
        value = carried[:, column]
        met = value >= thresholds[name] if parameter.sense > 0 else value <= thresholds[name]
        passed &= np.where(np.isnan(value), policy[name].on_missing == "ignore", met)
    return passed


def matrix(values: Sequence[Values]) -> Matrix:
    """NaN where nothing was carried; a parameter that joined the shelf later was carried by none of the older ones."""
    wide = len(PARAMETERS)
    padded = [(*one, *(None,) * (wide - len(one))) if len(one) < wide else one for one in values]
    return np.array(padded, dtype=np.float64).reshape(len(values), wide)


# ---- their results


@dataclass(frozen=True, slots=True)
class Results:
    """One row per signal; NaN where a figure is not known."""

    days: NDArray[np.int64]
    """Counted from the first."""
    r: Vector
    pnl: Vector
    counterfactual: Flags
    won: Flags

    @property
    def all_days(self) -> int:
        return int(self.days.max()) + 1 if len(self.days) else 0

    def tally(self, chosen: Flags) -> Tally:
        known, paid = chosen & ~np.isnan(self.r), chosen & ~np.isnan(self.pnl)
        r_known, pnl_known = int(np.count_nonzero(known)), int(np.count_nonzero(paid))
        # Finite numbers may add up to one that is not; such a sum is not told.
        with np.errstate(over="ignore", invalid="ignore"):
            mean = clustered_mean(self.by_day(known, self.r), self.by_day(known, np.ones(len(self.r))))
            pnl = float(np.sum(self.pnl[paid]))
        return Tally(
            count=int(np.count_nonzero(chosen)),
            counterfactual=int(np.count_nonzero(chosen & self.counterfactual)),
            r_known=r_known,
            sum_r=mean.times(r_known) if mean is not None else None,
            mean_r=mean,
            pnl_known=pnl_known,
            pnl=pnl if pnl_known and np.isfinite(pnl) else None,
        )

    def per_day(self, weights: Vector) -> Estimate | None:
        """Days without a signal count as well, as nothing gained and nothing lost."""
        known = ~np.isnan(self.r)
        if not known.any():
            return None
        with np.errstate(over="ignore", invalid="ignore"):
            return clustered_mean(self.by_day(known, self.r * weights), np.ones(self.all_days))

    def by_day(self, chosen: Flags, figures: Vector) -> Vector:
        sums = np.zeros(self.all_days)
        np.add.at(sums, self.days[chosen], figures[chosen])
        return sums


def results_of(known: Sequence[KnownResult]) -> Results:
    usual = usual_percent_per_r(known)
    r = [
        one.stored.r(one.percent_per_r if one.percent_per_r is not None else usual[one.stored.outcome.symbol])
        for one in known
    ]
    counterfactual = np.array([not one.stored.outcome.accepted for one in known], dtype=np.bool_)
    net = np.array(r, dtype=np.float64) - np.where(counterfactual, HAIRCUT_R, 0.0)
    pnl = np.array([one.stored.outcome.pnl for one in known], dtype=np.float64)
    days = np.array([one.at_ms // DAY_MS for one in known], dtype=np.int64)
    return Results(
        days=days - days.min() if len(days) else days,
        r=net,
        pnl=pnl,
        counterfactual=counterfactual,
        won=np.where(np.isnan(net), pnl, net) > 0.0,
    )


def usual_percent_per_r(known: Sequence[KnownResult]) -> dict[str, float]:
    """By symbol, the spread of its newest results; they come newest first."""
    percents: dict[str, list[float]] = defaultdict(list)
    for one in known:
        own = percents[one.stored.outcome.symbol]
        if one.stored.outcome.pnl_percent is not None and len(own) < PERCENT_KNOWN_MAX:
            own.append(one.stored.outcome.pnl_percent)
    return {symbol: Recent(tuple(own)).percent_per_r for symbol, own in percents.items()}


def lesson_values(one: KnownResult) -> Values:
    assert one.stored.lesson is not None
    return one.stored.lesson.values
