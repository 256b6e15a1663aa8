"""Arms: what was decided, beside what other rules would have made of the very same signals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.gate import decide
from ml_service.domain.outcomes import DAY_MS
from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.statistics.estimate import Estimate, clustered_mean
from ml_service.domain.types import GatePolicy, Signal
from ml_service.domain.what_if import HAIRCUT_R

Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KnownSignal:
    """A signal that was judged, and what it came to."""

    at_ms: int
    """When its result was known."""
    symbol: str
    values: tuple[float | None, ...]
    """In the order of the shelf, as a BUY would see them."""
    taken: bool
    """What was decided."""
    traded: bool
    """False where it was only marked to market."""
    r: float

    @property
    def net_r(self) -> float:
        return self.r if self.traded else self.r - HAIRCUT_R


@dataclass(frozen=True, slots=True)
class Arm:
    name: str
    taken: int
    counterfactual: int
    """Of those taken, how many were never traded."""
    total: float
    """In R, net of the haircut."""
    by_day: tuple[float, ...]
    """Cumulated, at the end of each day."""
    ahead: Estimate | None
    """By how much, in R over all days, what was decided did better; None for itself, and without a signal."""


@dataclass(frozen=True, slots=True)
class Compared:
    first_day: int
    decided: Arm
    frozen: Arm
    always: Arm
    rejected: Estimate | None
    """What the signals that were not taken came to, in R. Above 0, rejecting cost that much."""
    rejected_count: int

    @property
    def arms(self) -> tuple[Arm, ...]:
        return self.decided, self.frozen, self.always

    @property
    def is_better(self) -> bool:
        """Whether the interval of decided minus frozen lies above 0."""
        return self.frozen.ahead is not None and self.frozen.ahead.low is not None and self.frozen.ahead.low > 0.0

    @property
    def is_worse(self) -> bool:
        return self.frozen.ahead is not None and self.frozen.ahead.high is not None and self.frozen.ahead.high < 0.0


def compared(
    signals: Sequence[KnownSignal], frozen: Callable[[str], Mapping[str, float]], policy: GatePolicy
) -> Compared | None:
    """`frozen` names the thresholds of a symbol that stand still. None without a signal.

    Signals of one day share one market, so days are the independent pieces of each interval.
    """
    if not signals:
        return None
    days = np.array([one.at_ms // DAY_MS for one in signals], dtype=np.int64)
    first = int(days.min())
    places = days - first
    net = np.array([one.net_r for one in signals], dtype=np.float64)
    traded = np.array([one.traded for one in signals], dtype=np.bool_)
    decided = np.array([one.taken for one in signals], dtype=np.bool_)
    width = int(places.max()) + 1

    def summed(chosen: NDArray[np.bool_]) -> Column:
        return np.bincount(places[chosen], weights=net[chosen], minlength=width).astype(np.float64)

    def arm(name: str, chosen: NDArray[np.bool_], ahead: Estimate | None) -> Arm:
        by_day = summed(chosen)
        return Arm(
            name=name,
            taken=int(chosen.sum()),
            counterfactual=int((chosen & ~traded).sum()),
            total=float(by_day.sum()),
            by_day=tuple(np.cumsum(by_day).tolist()),
            ahead=ahead,
        )

    def ahead_of(chosen: NDArray[np.bool_]) -> Estimate | None:
        # A day on which both did the same is a piece of evidence, too.
        return in_all(summed(decided) - summed(chosen), np.ones(width))

    stood = np.array([would_take(one, frozen(one.symbol), policy) for one in signals], dtype=np.bool_)
    everything = np.ones(len(signals), dtype=np.bool_)
    counts = np.bincount(places[~decided], minlength=width).astype(np.float64)
    return Compared(
        first_day=first,
        decided=arm("decided", decided, None),
        frozen=arm("frozen", stood, ahead_of(stood)),
        always=arm("always", everything, ahead_of(everything)),
        rejected=in_all(summed(~decided), counts),
        rejected_count=int((~decided).sum()),
    )


def in_all(sums: Column, counts: Column) -> Estimate | None:
    mean = clustered_mean(sums, counts)
    return mean.times(float(counts.sum())) if mean is not None else None


def would_take(signal: KnownSignal, thresholds: Mapping[str, float], policy: GatePolicy) -> bool:
    """By the gate itself. A value as a BUY would see it is judged as one."""
    # What joined the shelf later was carried by none of the older ones.
    carried = {
        parameter.fields[0]: value
        for parameter, value in zip(PARAMETERS.values(), signal.values, strict=False)
        if value is not None
    }
    return decide(Signal(signal.symbol, "BUY", carried), thresholds, policy).decision == "take"
