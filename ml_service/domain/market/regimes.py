"""Regimes: what kind of market it is, after every bar, from three measures of the last bars.

| Measure | Is | A random walk at its usual pace has |
| --- | --- | --- |
| efficiency | net move over path, last fast bars | 0.17 with 24 bars (Kaufman's ratio) |
| activity | mean range of the fast bars over that of the slow ones | 1 |
| spread | the whole range of the fast bars over what the pace of the slow ones lets expect | about 1 |

Each regime has a score made of them; sideways is what remains, and has 0. The highest score takes over when it
leads by a margin, so that two that are level do not take turns. Bars are counted, not hours: a gap is one move.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Literal, NamedTuple, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.market.candles import Floats, Moments
from ml_service.domain.market.regime_hysteresis import SETTLING_BARS, UNSETTLED
from ml_service.errors import InvalidInput

Regime = Literal["trending", "sideways", "volatile", "consolidation"]

REGIMES: tuple[Regime, ...] = get_args(Regime)

ALIASES: dict[str, Regime] = {"ranging": "sideways"}

UNKNOWN = UNSETTLED
"""The code of a bar whose regime cannot be told yet; the others are places in REGIMES."""

SLOW_BARS_MAX = 4_096
"""Sums over so many bars are whole numbers that a float holds exactly."""

Number = TypeVar("Number", float, Floats)


def regime_named(text: str) -> Regime:
    name = text.strip().lower()
    for regime in REGIMES:
        if name in (regime, *(alias for alias, meant in ALIASES.items() if meant == regime)):
            return regime
    raise InvalidInput.at("regime", f'expected one of {", ".join((*REGIMES, *ALIASES))}, found "{text}"')


@dataclass(frozen=True, slots=True)
class RegimePolicy:
    """Limits are where a regime draws level with sideways; a unit is what counts as much as any other unit."""

    fast_bars: int = 24
    slow_bars: int = 480
    trending_efficiency: float = 0.28
    efficiency_unit: float = 0.15
    volatile_activity: float = 1.25
    volatile_unit: float = 0.35
    quiet_activity: float = 0.88
    narrow_spread: float = 0.83
    quiet_unit: float = 0.20
    margin: float = 0.75
    """By how many units another regime must lead before it takes over."""

    def __post_init__(self) -> None:
        assert 2 <= self.fast_bars < self.slow_bars <= SLOW_BARS_MAX
        assert min(self.efficiency_unit, self.volatile_unit, self.quiet_unit) > 0.0
        assert self.margin >= 0.0

    @property
    def warm_up(self) -> int:
        """As many bars at the beginning have no regime: the first has no bar before it to move from."""
        return self.slow_bars

    @property
    def bars_to_rebuild(self) -> int:
        """Whoever has seen so many tells a regime, and the same as if it had seen all that ever were."""
        return self.warm_up + SETTLING_BARS

    @property
    def usual_path(self) -> float:
        """Times the mean range of a bar, this is the whole range that so many bars usually have."""
        return sqrt(self.fast_bars)

    def trending(self, efficiency: Number) -> Number:
        return (efficiency - self.trending_efficiency) / self.efficiency_unit

    def volatile(self, activity: Number) -> Number:
        return (activity - self.volatile_activity) / self.volatile_unit

    def quiet(self, activity: Number) -> Number:
        return (self.quiet_activity - activity) / self.quiet_unit

    def narrow(self, spread: Number) -> Number:
        """Consolidation is both quiet and narrow: the lesser of the two is its score."""
        return (self.narrow_spread - spread) / self.quiet_unit


class RegimeAt(NamedTuple):
    """After the bar that opened then. A tuple for the same reason as a candle."""

    opened_at_ms: int
    regime: Regime
    confidence: float
    """The chance that the same regime is told six bars later; see `regime_confidence`."""
    efficiency: float
    activity: float
    spread: float


@dataclass(frozen=True, slots=True, eq=False)
class Regimes:
    """One entry for every bar, in columns."""

    opened_at_ms: Moments
    code: NDArray[np.int8]
    """A place in REGIMES, or UNKNOWN."""
    confidence: Floats
    """NaN where the regime is unknown, as in the columns below."""
    efficiency: Floats
    activity: Floats
    spread: Floats

    def __len__(self) -> int:
        return self.opened_at_ms.size

    def at(self, place: int) -> RegimeAt | None:
        if self.code[place] == UNKNOWN:
            return None
        return RegimeAt(
            int(self.opened_at_ms[place]),
            REGIMES[self.code[place]],
            float(self.confidence[place]),
            float(self.efficiency[place]),
            float(self.activity[place]),
            float(self.spread[place]),
        )
