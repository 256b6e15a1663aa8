"""Made-up markets whose best thresholds are known: what a learner can be measured against.

Everything is in units of the learner, `sign · value / spread`, so that a larger value is always better. A signal that
is beyond every cut of the market earns `inside`, one that misses a cut loses `outside`; the cuts are soft, and where
they lie is what a learner has to find out. The default thresholds have no part in that but one: how far from them the
cuts lie.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

DAYS = 365
COST_R = 0.03
NOISE_R = 1.1
COUNTERFACTUAL_BIAS_R = 0.02
COUNTERFACTUAL_NOISE_R = 0.2
OVERLAP_HOURS = 12
AWAY_SHARE = 0.6
"""Of the features: how many of them have their cut elsewhere than at the default …"""
AWAY_SPREADS = (0.3, 1.2)
"""… and how far away it then lies, to either side alike."""
COLLAPSED_R = 0.0
"""What a signal beyond every cut earns when the edge is gone."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A gate parameter of the made-up market; `spread` and `default` in its own unit."""

    name: str
    sense: int
    default: float
    low: float
    high: float
    spread: float


FEATURES = (
    Feature("confidence_threshold", 1, 0.65, 0.2, 1.0, 0.1),
    Feature("rsi_threshold", -1, 70.0, 50.0, 90.0, 8.0),
    Feature("macd_threshold", 1, 0.0, -0.1, 0.1, 0.04),
    Feature("ma_crossover_threshold", 1, 0.0, -0.05, 0.05, 0.02),
    Feature("volume_threshold", 1, 9.0, 8.0, 10.0, 0.4),
    Feature("momentum_threshold", 1, 2.0, 1.0, 5.0, 0.8),
)
FACTOR = np.array([feature.sense / feature.spread for feature in FEATURES])
ANCHOR = np.array([feature.default for feature in FEATURES]) * FACTOR
BOUNDS = np.sort(np.array([[feature.low, feature.high] for feature in FEATURES]) * FACTOR[:, None], axis=1)


@dataclass(frozen=True, slots=True)
class Family:
    """What all worlds of a table have in common. The defaults are those of the table; the others ask whether what
    holds there holds elsewhere."""

    shape: Literal["normal", "uniform", "skewed"] = "normal"
    centre: float = 0.9
    """Where the values of a feature lie, in spreads above the default: 0.9 lets about 82 % of them through."""
    form: Literal["product", "sum"] = "product"
    """Whether one missed cut spoils a signal, or each takes its share."""
    inside: float = 0.4
    outside: float = 0.2
    softness: float = 0.3
    """In spreads: how wide the cut between good and bad is."""


FAMILIES = {
    "usual": Family(),
    "uniform": Family(shape="uniform"),
    "skewed": Family(shape="skewed"),
    "soft": Family(softness=0.5, inside=0.6),
    "sharp": Family(softness=0.1, inside=0.3),
    "strict": Family(centre=0.6, inside=0.5),
    "loose": Family(centre=1.3, inside=0.3, outside=0.25),
    "sum": Family(form="sum", inside=0.2, outside=0.9),
}
"""What they pay is chosen such that the defaults earn something, and the best thresholds two or three times that."""


@dataclass(frozen=True, slots=True)
class State:
    """What pays, for a while."""

    cuts: Vector
    inside: float
    outside: float
    family: Family

    def mean(self, units: Matrix) -> Vector:
        """What each signal is worth after costs."""
        reached = 1.0 / (1.0 + np.exp((self.cuts - units) / self.family.softness))
        share = reached.prod(axis=1) if self.family.form == "product" else 1.0 - (1.0 - reached).mean(axis=1)
        found: Vector = (self.inside + self.outside) * share - self.outside - COST_R
        return found

    def signals(self, random: np.random.Generator, count: int) -> Matrix:
        shape = (count, len(FEATURES))
        match self.family.shape:
            case "normal":
                drawn = random.normal(0.0, 1.0, shape)
            case "uniform":
                drawn = random.uniform(-np.sqrt(3.0), np.sqrt(3.0), shape)
            case "skewed":
                drawn = (random.gamma(2.0, 1.0, shape) - 2.0) / np.sqrt(2.0)
        return np.asarray(drawn + ANCHOR + self.family.centre)


@dataclass(frozen=True, slots=True)
class World:
    """Which state holds on each day, and how the outcomes come."""

    states: tuple[State, ...]
    schedule: NDArray[np.int64]
    signals_per_day: int = 24
    overlap: bool = False
    rejected_known: bool = True

    def noise(self, random: np.random.Generator) -> Matrix:
        """One row per day. Overlapping outcomes share all hours of the market but those by which they are apart."""
        days, count = len(self.schedule), self.signals_per_day
        if not self.overlap:
            return random.normal(0.0, NOISE_R, (days, count))
        hours = random.normal(0.0, NOISE_R / np.sqrt(OVERLAP_HOURS), days * 24 + OVERLAP_HOURS)
        sums = np.convolve(hours, np.ones(OVERLAP_HOURS), "valid")
        starts = np.linspace(0, 24, count, endpoint=False).astype(int)
        return np.asarray(sums[(np.arange(days) * 24)[:, None] + starts])


Maker = Callable[[np.random.Generator, Family], World]


def raw(units: Matrix) -> Matrix:
    """As the bot would send them."""
    return np.asarray(units / FACTOR)


def stationary(random: np.random.Generator, family: Family) -> World:
    return steady(somewhere(random, family))


def rightly_set(random: np.random.Generator, family: Family) -> World:
    return steady(right(family))


def pure_noise(random: np.random.Generator, family: Family) -> World:
    """Before costs nothing is worth anything, and nothing tells one signal from another."""
    return steady(State(ANCHOR.copy(), 0.0, 0.0, family))


def switching(random: np.random.Generator, family: Family) -> World:
    """Three states take turns; each stays for 40 to 100 days."""
    schedule: list[int] = []
    current = 0
    while len(schedule) < DAYS:
        schedule += [current] * int(random.integers(40, 101))
        current = (current + int(random.integers(1, 3))) % 3
    return World(tuple(somewhere(random, family) for _ in range(3)), np.array(schedule[:DAYS]))


def drifting(random: np.random.Generator, family: Family) -> World:
    """From one state to another and on to a third, a little every ten days."""
    corners = [somewhere(random, family) for _ in range(3)]
    number = DAYS // 10 + 1
    states = []
    for at in np.linspace(0.0, 2.0, number):
        first = min(int(at), 1)
        before, after = corners[first], corners[first + 1]
        states.append(replace(before, cuts=before.cuts + (at - first) * (after.cuts - before.cuts)))
    return World(tuple(states), np.arange(DAYS) // 10)


def collapsing(random: np.random.Generator, family: Family) -> World:
    """Rightly set for some months, and then nothing pays any more."""
    alive = right(family)
    dead = replace(alive, inside=COLLAPSED_R)
    return World((alive, dead), (np.arange(DAYS) >= random.integers(90, 180)).astype(np.int64))


def steady(state: State) -> World:
    return World((state,), np.zeros(DAYS, dtype=np.int64))


def somewhere(random: np.random.Generator, family: Family) -> State:
    """The cuts of some features lie elsewhere than at the defaults."""
    away = random.uniform(*AWAY_SPREADS, len(FEATURES)) * random.choice((-1.0, 1.0), len(FEATURES))
    away *= random.random(len(FEATURES)) < AWAY_SHARE
    return State(ANCHOR + away, family.inside, family.outside, family)


def right(family: Family) -> State:
    """The defaults are as good as any thresholds: found by moving the cuts until they are."""
    state = State(ANCHOR.copy(), family.inside, family.outside, family)
    for _ in range(8):
        best = best_thresholds(state, sweep(state))
        if not np.isfinite(best).all():
            # From here nothing pays: with the cuts further out there is something to find again.
            state = replace(state, cuts=state.cuts - 0.3)
            continue
        state = replace(state, cuts=state.cuts - 0.7 * float(np.mean(best - ANCHOR)))
    return state


def sweep(state: State) -> Matrix:
    """The same signals for everybody who looks for the best thresholds."""
    return state.signals(np.random.default_rng(7), 20_000)


def best_thresholds(state: State, units: Matrix) -> Vector:
    """What earns most under this state, by going through one parameter after the other; infinite if nothing pays."""
    worth = state.mean(units)
    found, most = np.full(len(FEATURES), np.inf), 0.0
    for start in (ANCHOR, state.cuts):
        vector = np.clip(start, BOUNDS[:, 0], BOUNDS[:, 1])
        for _ in range(4):
            for index in range(len(FEATURES)):
                vector[index] = best_threshold(index, vector, units, worth)
        earned = float(worth[(units >= vector).all(axis=1)].sum())
        if earned > most:
            found, most = vector, earned
    return found


def best_threshold(index: int, vector: Vector, units: Matrix, worth: Vector) -> float:
    others = np.delete(np.arange(len(FEATURES)), index)
    eligible = (units[:, others] >= vector[others]).all(axis=1)
    candidates = np.clip(ANCHOR[index] + np.linspace(-2.4, 4.2, 67), *BOUNDS[index])
    order = np.argsort(units[eligible, index])
    beyond = np.append(np.cumsum(worth[eligible][order][::-1])[::-1], 0.0)
    earned = beyond[np.searchsorted(units[eligible, index][order], candidates)]
    return float(candidates[np.argmax(earned)])
