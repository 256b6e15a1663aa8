"""A learner lives through a made-up world: what it gained, beside what others would have gained there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from benchmarks.formula import DocumentsFormula
from benchmarks.worlds import (
    ANCHOR,
    COUNTERFACTUAL_BIAS_R,
    COUNTERFACTUAL_NOISE_R,
    FEATURES,
    Family,
    Maker,
    Vector,
    World,
    best_thresholds,
    raw,
    sweep,
)
from ml_service.domain.adaptation import Anchored, anchored

LINKED_KEYS = 8


@dataclass(frozen=True, slots=True)
class Life:
    """Under which circumstances a learner lives."""

    world: Maker
    overlap: bool = False
    signals_per_day: int = 24
    rejected_known: bool = True
    linked: bool = False
    """One of several keys that trade in the same market, and that learn from each other."""
    formula: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Year:
    """Sums of what the signals were truly worth, in R: those that the learner took, that the defaults and the best
    thresholds would have taken, and all of them. The last two are drawn from results."""

    learner: float
    static: float
    best: float
    always: float
    sharpe: float
    drawdown: float

    @property
    def gain(self) -> float:
        return self.learner - self.static


def lived(life: Life, seed: int, family: Family, preset: str = "balanced") -> Year:
    """Every world has its own random numbers, the same for whoever learns in it."""
    random = np.random.default_rng([seed, 11])
    world = replace(
        life.world(random, family),
        signals_per_day=life.signals_per_day,
        overlap=life.overlap,
        rejected_known=life.rejected_known,
    )
    if life.linked:
        return year_of_linked_keys(world, random, seed, preset)
    if life.formula:
        return year(world, random, DocumentsFormula(FEATURES))
    return year(world, random, anchored(FEATURES, seed, preset, **life.options))


def year(world: World, random: np.random.Generator, learner: Anchored | DocumentsFormula) -> Year:
    best = best_of(world)
    noise = world.noise(random)
    days = []
    for day, which in enumerate(world.schedule.tolist()):
        regime = which if isinstance(learner, Anchored) and learner.options.regimes > 1 else 0
        days.append(one_day(world, which, noise[day], best[which], random, learner, regime=regime))
        learner.adapt(day, regime=regime)
    return summed(days)


def year_of_linked_keys(world: World, random: np.random.Generator, seed: int, preset: str) -> Year:
    """Each key has a learner of its own, and one more sees all of them. The year is that of the average key."""
    best = best_of(world)
    noises = [world.noise(random) for _ in range(LINKED_KEYS)]
    learners = [anchored(FEATURES, seed, preset) for _ in range(LINKED_KEYS)]
    everybody = anchored(FEATURES, seed, preset)
    days: list[list[Vector]] = [[] for _ in learners]
    for day, which in enumerate(world.schedule.tolist()):
        for learner, noise, kept in zip(learners, noises, days, strict=True):
            kept.append(one_day(world, which, noise[day], best[which], random, learner, everybody))
        everybody.adapt(day)
        tilt = everybody.tilt()
        for learner in learners:
            learner.adapt(day, tilt=tilt)
    years = [summed(kept) for kept in days]
    return Year(*(float(np.mean([getattr(one, name.name) for one in years])) for name in fields(Year)))


def best_of(world: World) -> list[Vector]:
    return [best_thresholds(state, sweep(state)) for state in world.states]


def one_day(
    world: World,
    which: int,
    noise: Vector,
    best: Vector,
    random: np.random.Generator,
    *learners: Anchored | DocumentsFormula,
    regime: int = 0,
) -> Vector:
    """The first learner decides, all of them observe. What a `Year` sums, and the result of the day."""
    state = world.states[which]
    units = state.signals(random, world.signals_per_day)
    values, worth = raw(units), state.mean(units)
    results = worth + noise
    accepted, propensity = learners[0].decide(values)
    marked = results + COUNTERFACTUAL_BIAS_R + random.normal(0.0, COUNTERFACTUAL_NOISE_R, len(units))
    known = np.where(accepted, results, marked if world.rejected_known else np.nan)
    for learner in learners:
        learner.observe(values, accepted, propensity, known, regime=regime)
    static, at_best = ((units >= vector).all(axis=1) for vector in (ANCHOR, best))
    return np.array(
        [worth[accepted].sum(), worth[static].sum(), worth[at_best].sum(), worth.sum(), results[accepted].sum()]
    )


def summed(days: Sequence[Vector]) -> Year:
    learner, static, best, always, _ = (float(value) for value in np.sum(days, axis=0))
    results = np.array([day[-1] for day in days])
    return Year(learner, static, best, always, sharpe(results), drawdown(results))


def sharpe(results: Vector) -> float:
    """Of a year, from daily results."""
    deviation = float(results.std())
    return float(results.mean()) / deviation * 365**0.5 if deviation > 0.0 else 0.0


def drawdown(results: Vector) -> float:
    equity = np.append(0.0, np.cumsum(results))
    return float((np.maximum.accumulate(equity) - equity).max())
