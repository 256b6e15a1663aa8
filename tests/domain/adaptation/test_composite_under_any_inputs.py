"""Whatever the composite guide is told: its limits stay within bounds, and take no step that is too large."""

from copy import deepcopy

from hypothesis import settings

from ml_service.domain.adaptation import AdaptationPolicy, Anchored, Composite, Explanation
from tests.domain.adaptation.any_inputs import AnyInputs
from tests.domain.adaptation.markets import LIMITS
from tests.domain.adaptation.test_composite import assert_told_truly

SMALL_WINDOW = AdaptationPolicy(performance_window=40)


class AnyInputsOfComposite(AnyInputs):
    def new(self, seed: int, preset: str, exploration: float) -> Composite:
        return Composite(LIMITS, SMALL_WINDOW)

    def again(self, stored: Anchored | Composite) -> Composite:
        assert isinstance(stored, Composite)
        return Composite(LIMITS, stored.policy, stored.haircut, deepcopy(stored.memory))

    def assert_told_truly(self, told: Explanation) -> None:
        assert_told_truly(told)

    def days_of_steps(self, days: int) -> int:
        return 1


TestAnyInputs = AnyInputsOfComposite.TestCase
TestAnyInputs.settings = settings(max_examples=8, stateful_step_count=15, deadline=None, database=None)
