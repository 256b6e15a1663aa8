"""Whatever the anchored learner is told: its limits stay within bounds, and take no step that is too large."""

from copy import deepcopy

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant

from ml_service.domain.adaptation import Anchored, Composite, Explanation, anchored
from tests.domain.adaptation.any_inputs import SPAN_SHARE_MAX, STEP_MAX, AnyInputs
from tests.domain.adaptation.markets import LIMITS, Limit, assert_told_truly


class AnyInputsOfAnchored(AnyInputs):
    def new(self, seed: int, preset: str, exploration: float) -> Anchored:
        return anchored(LIMITS, seed, preset, exploration=exploration)

    def again(self, stored: Anchored | Composite) -> Anchored:
        assert isinstance(stored, Anchored)
        return Anchored(LIMITS, self.seed, stored.preset, stored.options, deepcopy(stored.memory))

    def assert_told_truly(self, told: Explanation) -> None:
        assert_told_truly(told, LIMITS)

    def days_of_steps(self, days: int) -> int:
        return min(days, 7)

    @invariant()
    def weights_are_a_distribution(self) -> None:
        assert isinstance(self.kept, Anchored)
        weights = self.kept.memory.weights
        assert (weights > 0.0).all()
        np.testing.assert_allclose(weights.sum(axis=1), 1.0)


TestAnyInputs = AnyInputsOfAnchored.TestCase
TestAnyInputs.settings = settings(max_examples=20, stateful_step_count=25, deadline=None, database=None)


class AnyInputsOfAnyRegime(AnyInputsOfAnchored):
    """Signals meet regimes in any order, and some meet none that is known."""

    def new(self, seed: int, preset: str, exploration: float) -> Anchored:
        return anchored(LIMITS, seed, preset, exploration=exploration, regimes=4)

    def told(self, values: object, accepted: object, propensity: object, results: object) -> None:
        signals = len(values)  # type: ignore[arg-type]  # rows
        met = np.random.default_rng([signals, self.day]).choice([0.0, 1.0, 2.0, 3.0, np.nan], signals)
        for learner in (self.kept, self.rebuilt):
            learner.observe(values, accepted, propensity, results, regime=met)  # type: ignore[arg-type]  # of any kind

    @invariant()
    def the_mix_is_a_distribution(self) -> None:
        assert isinstance(self.kept, Anchored)
        mix = self.kept.memory.mix
        assert mix.shape == (5,)
        assert (mix >= 0.0).all()
        np.testing.assert_allclose(mix.sum(), 1.0)


TestAnyRegime = AnyInputsOfAnyRegime.TestCase
TestAnyRegime.settings = settings(max_examples=8, stateful_step_count=20, deadline=None, database=None)


@st.composite
def limits(draw: st.DrawFn) -> Limit:
    """Of any size, from a hundredth of a spread to a thousand spreads wide, or with no room at all."""
    scale = draw(st.sampled_from(["linear", "log"]))
    spread = 10.0 ** draw(st.integers(-6, 6)) if scale == "linear" else draw(st.floats(0.01, 3.0))
    room = draw(st.sampled_from([0.0, 0.01, 0.3, 2.0, 6.0, 50.0, 1_000.0])) * spread
    low = draw(st.floats(-1_000, 1_000)) * spread
    at = draw(st.floats(0.0, 1.0))
    ends = [low, low + room] if scale == "linear" else [1e-3, 1e-3 * float(np.exp(min(room, 50.0)))]
    default = min(max(ends[0] + at * (ends[1] - ends[0]), ends[0]), ends[1])
    return Limit("any", draw(st.sampled_from([-1, 1])), default, ends[0], ends[1], spread, scale)


@settings(max_examples=60, deadline=None)
@given(limit=limits(), seed=st.integers(0, 1_000), worth=st.sampled_from([-1.0, 1.0]))
def test_limits_of_any_kind_stay_within_bounds_and_steps(limit: Limit, seed: int, worth: float) -> None:
    learner = anchored([limit], seed, "eager", change_min=0.0)
    random = np.random.default_rng(seed)
    for day in range(30):
        away = random.normal(0.0, 1.5, (24, 1)) * limit.spread
        values = limit.default * np.exp(away) if limit.scale == "log" else limit.default + away
        results = np.where(limit.sense * away[:, 0] < 0.3 * limit.spread, worth, 0.2)
        before = learner.thresholds()["any"]
        learner.observe(values, *learner.decide(values), results)
        told = learner.adapt(day)
        after = learner.thresholds()["any"]

        assert told is not None
        assert_told_truly(told, (limit,))
        assert limit.low <= after <= limit.high
        if told.verdict != "rolled_back":
            step = abs(limit.tightened(before, after))
            assert step <= min(STEP_MAX, SPAN_SHARE_MAX * limit.span) + 1e-9 * max(1.0, limit.span)
