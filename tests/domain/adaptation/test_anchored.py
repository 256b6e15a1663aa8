"""The anchored learner: it moves toward what pays, and by no more than it may."""

from dataclasses import dataclass

import numpy as np

from ml_service.domain.adaptation import Anchored, anchored


@dataclass(frozen=True)
class Limit:
    name: str
    sense: int
    default: float
    low: float
    high: float
    spread: float


CONFIDENCE = Limit("confidence_threshold", 1, 0.65, 0.2, 1.0, 0.1)
RSI = Limit("rsi_threshold", -1, 70.0, 50.0, 90.0, 8.0)


def live_through(learner: Anchored, days: int, worth: float, seed: int = 1) -> None:
    """Signals with a confidence under 0.72 are worth that much, all others gain 0.2 R."""
    random = np.random.default_rng(seed)
    for day in range(days):
        values = np.column_stack([random.normal(0.72, 0.1, 24), random.normal(65.0, 8.0, 24)])
        accepted, propensity = learner.decide(values)
        results = np.where(values[:, 0] < 0.72, worth, 0.2) + random.normal(0.0, 1.0, 24)
        learner.observe(values, accepted, propensity, results)
        learner.adapt(day)


def test_a_limit_rises_over_what_loses():
    learner = anchored([CONFIDENCE, RSI], seed=3)

    live_through(learner, 90, worth=-0.6)

    assert learner.thresholds()["confidence_threshold"] > 0.68


def test_a_learner_that_has_seen_nothing_stands_on_the_defaults():
    assert anchored([CONFIDENCE, RSI], seed=3).thresholds() == {"confidence_threshold": 0.65, "rsi_threshold": 70.0}


def test_adapting_again_without_new_outcomes_changes_nothing():
    learner = anchored([CONFIDENCE, RSI], seed=3)
    live_through(learner, 60, worth=-0.6)
    before = learner.memory

    assert [learner.adapt(day) for day in range(55, 115)] == [None] * 60
    assert learner.memory is before
