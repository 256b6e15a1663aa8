"""Made-up markets whose best thresholds are known: what a learner can be measured against."""

from collections.abc import Callable
from dataclasses import dataclass

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
SOFTNESS = 0.3
"""In spreads: how wide a feature's cut between good and bad is."""


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
CENTRE = ANCHOR + 0.9
"""Where the values of a feature lie: the default lets about 82 % of them through."""
BOUNDS = np.sort(np.array([[feature.low, feature.high] for feature in FEATURES]) * FACTOR[:, None], axis=1)


@dataclass(frozen=True, slots=True)
class State:
    """What pays, for a while: a signal beyond every cut earns `inside`, each cut it misses costs `miss`."""

    cuts: Vector
    inside: float
    miss: Vector

    def mean(self, units: Matrix) -> Vector:
        missing = 1.0 / (1.0 + np.exp((units - self.cuts) / SOFTNESS))
        found: Vector = self.inside - missing @ self.miss - COST_R
        return found


@dataclass(frozen=True, slots=True)
class World:
    """Which state holds on each day, and how the outcomes come."""

    states: tuple[State, ...]
    schedule: NDArray[np.int64]
    signals_per_day: int = 24
    overlap: bool = False
    rejected_known: bool = True


def signals(random: np.random.Generator, count: int) -> Matrix:
    drawn: Matrix = random.normal(0.0, 1.0, (count, len(FEATURES))) + CENTRE
    return drawn


def raw(units: Matrix) -> Matrix:
    return np.asarray(units / FACTOR)


def noise(random: np.random.Generator, world: World, days: int) -> Matrix:
    """One row per day. Overlapping outcomes share all hours of the market but those by which they are apart."""
    if not world.overlap:
        return random.normal(0.0, NOISE_R, (days, world.signals_per_day))
    hours = random.normal(0.0, NOISE_R / np.sqrt(OVERLAP_HOURS), days * 24 + OVERLAP_HOURS)
    sums = np.convolve(hours, np.ones(OVERLAP_HOURS), "valid")
    starts = np.linspace(0, 24, world.signals_per_day, endpoint=False).astype(int)
    return np.asarray(sums[(np.arange(days) * 24)[:, None] + starts])


def best_thresholds(state: State, random: np.random.Generator, count: int = 20_000) -> Vector:
    """The vector that earns most under this state, by going through one parameter after the other."""
    units = signals(random, count)
    worth = state.mean(units)
    grid = np.linspace(-1.8, 4.2, 61)
    best, best_sum = np.maximum(state.cuts, BOUNDS[:, 0]), -np.inf
    for start in (ANCHOR.copy(), np.clip(state.cuts, BOUNDS[:, 0], BOUNDS[:, 1])):
        vector = start
        for _ in range(4):
            for index in range(len(FEATURES)):
                others = np.delete(np.arange(len(FEATURES)), index)
                eligible = (units[:, others] >= vector[others]).all(axis=1)
                candidates = np.clip(ANCHOR[index] + grid, *BOUNDS[index])
                order = np.argsort(units[eligible, index])
                values = units[eligible, index][order]
                beyond = np.append(np.cumsum(worth[eligible][order][::-1])[::-1], 0.0)
                sums = beyond[np.searchsorted(values, candidates)]
                vector[index] = candidates[np.argmax(sums)]
        total = float(worth[(units >= vector).all(axis=1)].sum())
        if total > best_sum:
            best, best_sum = vector.copy(), total
    if best_sum < 0.0:
        return np.full(len(FEATURES), np.inf)
    return np.asarray(best)


def somewhere(random: np.random.Generator, share: float = 0.6, reach: tuple[float, float] = (0.3, 1.2)) -> State:
    """The best cuts are not at the defaults but up to `reach` spreads away, for some of the features."""
    away = random.uniform(*reach, len(FEATURES)) * random.choice((-1.0, 1.0), len(FEATURES), p=(0.35, 0.65))
    away *= random.random(len(FEATURES)) < share
    return State(ANCHOR + away, 0.30, random.uniform(0.2, 0.5, len(FEATURES)))


def right(random: np.random.Generator) -> State:
    """The defaults are as good as any thresholds: found by moving the features until they are."""
    state = State(ANCHOR.copy(), 0.30, random.uniform(0.2, 0.5, len(FEATURES)))
    for _ in range(6):
        gap = best_thresholds(state, np.random.default_rng(7)) - ANCHOR
        state = State(state.cuts - gap, state.inside, state.miss)
    return state


def constant(state: State) -> Callable[[np.random.Generator], World]:
    return lambda random: World((state,), np.zeros(DAYS, dtype=np.int64))


def stationary(random: np.random.Generator) -> World:
    return World((somewhere(random),), np.zeros(DAYS, dtype=np.int64))


def switching(random: np.random.Generator) -> World:
    states = tuple(somewhere(random) for _ in range(3))
    schedule: list[int] = []
    current = 0
    while len(schedule) < DAYS:
        schedule += [current] * int(random.integers(40, 101))
        current = (current + int(random.integers(1, 3))) % 3
    return World(states, np.array(schedule[:DAYS]))


def drifting(random: np.random.Generator) -> World:
    """From one state to another and on to a third, a little every ten days."""
    corners = [somewhere(random) for _ in range(3)]
    steps = DAYS // 10 + 1
    states = []
    for step in range(steps):
        at = 2.0 * step / (steps - 1)
        first = min(int(at), 1)
        share = at - first
        one, other = corners[first], corners[first + 1]
        mixed = [(1 - share) * getattr(one, name) + share * getattr(other, name) for name in ("cuts", "miss")]
        states.append(State(mixed[0], 0.30, mixed[1]))
    return World(tuple(states), np.arange(DAYS) // 10)


def collapsing(random: np.random.Generator) -> World:
    """After some months nothing pays any more."""
    alive = right(random)
    dead = State(alive.cuts, -0.12, alive.miss)
    end = int(random.integers(90, 180))
    return World((alive, dead), (np.arange(DAYS) >= end).astype(np.int64))


def rightly_set(random: np.random.Generator) -> World:
    return World((right(random),), np.zeros(DAYS, dtype=np.int64))


def pure_noise(random: np.random.Generator) -> World:
    """Before costs nothing is worth anything, and nothing tells one signal from another."""
    return World((State(ANCHOR.copy(), 0.0, np.zeros(len(FEATURES))),), np.zeros(DAYS, dtype=np.int64))
