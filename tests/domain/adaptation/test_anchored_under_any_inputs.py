"""Whatever the anchored learner is told: its limits stay within bounds, and take no step that is too large."""

from copy import deepcopy

import numpy as np
from hypothesis import settings
from hypothesis.stateful import invariant

from ml_service.domain.adaptation import Anchored, Composite, Explanation, anchored
from tests.domain.adaptation.any_inputs import AnyInputs
from tests.domain.adaptation.markets import LIMITS, assert_told_truly


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
