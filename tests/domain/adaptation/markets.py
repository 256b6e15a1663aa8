"""Made-up markets for the tests of learning, and the limits that are learned on them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks import worlds
from ml_service.domain.adaptation import Anchored, Explanation
from ml_service.domain.adaptation.explanation import Moved

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Limit:
    name: str = "confidence_threshold"
    sense: int = 1
    default: float = 0.65
    low: float = 0.2
    high: float = 1.0
    spread: float = 0.1
    scale: str = "linear"

    def tightened(self, before: float, after: float) -> float:
        """In spreads; negative where it was loosened."""
        if self.scale == "log":
            before, after = float(np.log(before)), float(np.log(after))
        return self.sense * (after - before) / self.spread

    @property
    def span(self) -> float:
        """In spreads."""
        return abs(self.tightened(self.low, self.high))


CONFIDENCE = Limit()
RSI = Limit("rsi_threshold", -1, 70.0, 50.0, 90.0, 8.0)
MACD = Limit("macd_threshold", 1, 0.0, -0.1, 0.1, 0.04)
VOLUME = Limit("volume_threshold", 1, 1e9, 1e8, 1e10, 0.8, "log")
LIMITS = (CONFIDENCE, RSI, MACD, VOLUME)


def usual(random: np.random.Generator, signals: int) -> Matrix:
    """For LIMITS: most signals pass the defaults, and many lie near them."""
    return np.column_stack(
        [
            random.normal(0.72, 0.1, signals),
            random.normal(63.0, 8.0, signals),
            random.normal(0.03, 0.04, signals),
            np.exp(random.normal(np.log(2e9), 0.8, signals)),
        ]
    )


def losing(values: Matrix) -> Vector:
    """What a signal is worth where confidence under 0.75 loses and all others gain."""
    return np.where(values[:, 0] < 0.75, -0.7, 0.3)


def gaining(values: Matrix) -> Vector:
    """Where it is the other way round."""
    return -2.0 * losing(values)


def live(
    learner: Anchored,
    days: range,
    worth: Callable[[Matrix], Vector] = losing,
    *,
    seed: int = 1,
    poison: float = 0.0,
    signals: int = 24,
) -> list[Explanation | None]:
    """Every outcome becomes known; that share of them is reported as a loss of a million."""
    found = []
    for day in days:
        random, bad = np.random.default_rng([seed, day]), np.random.default_rng([seed, day, 1])
        values = usual(random, signals)
        results = worth(values) + random.normal(0.0, 1.0, signals)
        results[bad.random(signals) < poison] = -1e6
        learner.observe(values, *learner.decide(values), results)
        found.append(learner.adapt(day))
    return found


def earned_over_default(learner: Anchored, world: worlds.World, random: np.random.Generator, days: int) -> Vector:
    """Per day, in R, what the thresholds earned over the defaults, by what the signals were truly worth."""
    noise = world.noise(random)
    gains = np.zeros(days)
    for day in range(days):
        state = world.states[world.schedule[day]]
        units = state.signals(random, world.signals_per_day)
        worth = state.mean(units)
        accepted, propensity = learner.decide(worlds.raw(units))
        gains[day] = worth[accepted].sum() - worth[(units >= worlds.ANCHOR).all(axis=1)].sum()
        optimism = random.normal(worlds.COUNTERFACTUAL_BIAS_R, worlds.COUNTERFACTUAL_NOISE_R, len(units))
        results = worth + noise[day] + np.where(accepted, 0.0, optimism)
        learner.observe(worlds.raw(units), accepted, propensity, results)
        learner.adapt(day)
    return gains


def assert_told_truly(explanation: Explanation, limits: tuple[Limit, ...]) -> None:
    """Every limit is spoken of once, and no sentence contradicts what it tells of."""
    spoken = [move.parameter for move in explanation.moved] + [held.parameter for held in explanation.held]
    assert sorted(spoken) == sorted(limit.name for limit in limits)
    assert all(held.why for held in explanation.held)
    assert bool(explanation.moved) == (explanation.verdict in ("moved", "rolled_back"))
    by_name = {limit.name: limit for limit in limits}
    for move in explanation.moved:
        assert f"{move.before:.4g} to {move.after:.4g}" in move.sentence
        if explanation.verdict == "rolled_back":
            assert "back to the anchor" in move.sentence
            continue
        tightened = by_name[move.parameter].tightened(move.before, move.after)
        assert tightened * by_name[move.parameter].tightened(move.before, move.target) > 0.0
        assert move.on_the_way is not None
        even = abs(move.on_the_way.mean) < 0.005
        lead = move.sentence.partition(": ")[0]
        if tightened > 0.0:
            assert move.on_the_way.mean < 0.0
            assert ("came out even" if even else " lost ") in lead
            assert "to refuse such signals" in move.sentence
        else:
            assert move.on_the_way.mean > 0.0
            assert ("came out even" if even else " gained ") in lead
            assert "to take such signals" in move.sentence
        assert_flips_told(move, "refuses" if tightened > 0.0 else "lets in")


def assert_flips_told(move: Moved, verb: str) -> None:
    """What the step itself does, where it goes only a part of the way."""
    assert move.on_the_way is not None
    result = move.flipped_result
    assert (result.count if result is not None else 0) == move.flipped <= move.on_the_way.count
    if move.bounded_by == "target reached":
        assert result == move.on_the_way
        assert verb not in move.sentence
    elif result is None:
        assert f"as yet it {verb} none of them" in move.sentence
    else:
        counted = "the one" if result.count == 1 else f"the {result.count}"
        worth = "came out even" if abs(result.mean) < 0.005 else f"{abs(result.mean):.2f} R"
        assert f"; {counted} of them that it {verb} now " in move.sentence
        assert worth in move.sentence.partition(f" {verb} now ")[2]


def same(one: object, other: object) -> bool:
    """Bit by bit, through arrays and the values that hold them."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    fields = getattr(one, "__dataclass_fields__", None)
    if fields is not None:
        return type(one) is type(other) and all(same(getattr(one, name), getattr(other, name)) for name in fields)
    return one == other
