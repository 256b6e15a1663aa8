"""A state machine that tells a learner whatever there is, in whatever order."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ml_service.domain.adaptation import Anchored, Composite, Explanation
from ml_service.domain.adaptation.presets import PRESETS
from tests.domain.adaptation.markets import LIMITS, Matrix, same, usual

STEP_MAX, SPAN_SHARE_MAX = 0.15, 0.10
DUST = 1e-9

SEEDS = st.integers(0, 2**32 - 1)
EXTREMES = [np.nan, np.inf, -np.inf, 1e300, -1e300, 1.7e308, -1.7e308, 5e-324, 0.0, -0.0, 1.0, 0.65, 70.0, 1e9]
NUMBERS = st.sampled_from(EXTREMES) | st.floats(width=64)


class AnyInputs(RuleBasedStateMachine):
    """Two learners are told the same; one of them is stored and rebuilt at any time, and nobody can tell which."""

    def new(self, seed: int, preset: str, exploration: float) -> Anchored | Composite:
        raise NotImplementedError

    def again(self, stored: Anchored | Composite) -> Anchored | Composite:
        """One that is made from what was stored of another."""
        raise NotImplementedError

    def assert_told_truly(self, told: Explanation) -> None:
        raise NotImplementedError

    def days_of_steps(self, days: int) -> int:
        """How many days of steps may be taken at once, that many days after the last ones."""
        raise NotImplementedError

    @initialize(
        seed=st.integers(0, 1_000), preset=st.sampled_from(sorted(PRESETS)), exploration=st.sampled_from([0.0, 0.1])
    )
    def born(self, seed: int, preset: str, exploration: float) -> None:
        self.seed = seed
        self.kept, self.rebuilt = (self.new(seed, preset, exploration) for _ in range(2))
        self.day = 20_000
        self.adapted_day: int | None = None

    def told(self, values: object, accepted: object, propensity: object, results: object) -> None:
        for learner in (self.kept, self.rebuilt):
            learner.observe(values, accepted, propensity, results)  # type: ignore[arg-type]  # of any kind

    @rule(
        seed=SEEDS,
        parameter=st.integers(0, len(LIMITS) - 1),
        worth=st.sampled_from([-1.0, 1.0]) | st.floats(-5, 5),
        days=st.integers(1, 15),
        signals=st.sampled_from([1, 24, 60]),
        apart=st.just(1) | st.integers(1, 10),
    )
    def a_usual_month(self, seed: int, parameter: int, worth: float, days: int, signals: int, apart: int) -> None:
        """On which the lower half of one parameter's values is worth the opposite of the upper half."""
        random = np.random.default_rng(seed)
        for _ in range(days):
            values = usual(random, signals)
            lower = values[:, parameter] < [0.73, 63.0, 0.04, 2e9][parameter]
            results = np.where(lower, worth, -worth) + random.normal(0.0, 1.0, signals)
            accepted, propensity = self.kept.decide(values)
            again, _ = self.rebuilt.decide(values)
            assert np.array_equal(accepted, again)
            assert ((propensity > 0.0) & (propensity <= 1.0)).all()
            self.told(values, accepted, propensity, results)
            self.adapted(apart)

    @rule(rows=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.booleans(), NUMBERS, NUMBERS), max_size=30))
    def signals_that_no_market_sends(self, rows: list[tuple[float, ...]]) -> None:
        table: Matrix = np.array(rows, dtype=np.float64).reshape(-1, 7)
        accepted, propensity = self.kept.decide(table[:, :4])
        assert accepted.shape == propensity.shape == (len(rows),)
        self.rebuilt.decide(table[:, :4])
        self.told(table[:, :4], table[:, 4] > 0.0, table[:, 5], table[:, 6])

    @rule(seed=SEEDS, result=NUMBERS, signals=st.sampled_from([0, 1, 20, 50, 5_000]), propensity=NUMBERS)
    def the_same_result_for_all(self, seed: int, result: float, signals: int, propensity: float) -> None:
        values = usual(np.random.default_rng(seed), signals)
        self.told(values, [True] * signals, propensity, [result] * signals)

    @rule(signals=st.integers(0, 100))
    def signals_that_carry_nothing(self, signals: int) -> None:
        self.told(np.full((signals, len(LIMITS)), np.nan), np.ones(signals), np.ones(signals), np.ones(signals))

    @rule()
    def stored_and_rebuilt(self) -> None:
        """Only what was settled is stored."""
        if not self.rebuilt._seen:
            self.rebuilt = self.again(self.rebuilt)

    @rule(later=st.just(1) | st.sampled_from([0, 2, 6, 7, 30, 365, 4_000, -1, -5, -400]))
    def adapted(self, later: int) -> None:
        self.day += later
        before = self.kept.thresholds()
        told, again = self.kept.adapt(self.day), self.rebuilt.adapt(self.day)
        assert same(told, again)
        after = self.kept.thresholds()
        if told is None:
            assert after == before
            return
        self.assert_told_truly(told)
        if told.verdict == "rolled_back":
            assert after == {limit.name: limit.default for limit in LIMITS}
        else:
            days = 1 if self.adapted_day is None else self.day - self.adapted_day
            self.assert_small_steps(before, after, self.days_of_steps(days))
        self.adapted_day = self.day
        memory = self.kept.memory
        assert self.kept.adapt(self.day) is None
        assert self.rebuilt.adapt(self.day) is None
        assert self.kept.memory is memory

    @rule(later=st.integers(1, 3))
    def frozen(self, later: int) -> None:
        self.day += later
        before = self.kept.thresholds()
        told, again = (learner.adapt(self.day, frozen="frozen by hand") for learner in (self.kept, self.rebuilt))
        assert same(told, again)
        assert self.kept.thresholds() == before
        if told is not None:
            assert (told.verdict, told.reason) == ("held", "frozen by hand")
            self.adapted_day = self.day

    def assert_small_steps(self, before: dict[str, float], after: dict[str, float], days: int) -> None:
        for limit in LIMITS:
            step = abs(limit.tightened(before[limit.name], after[limit.name]))
            assert step <= STEP_MAX * days + DUST
            assert step <= SPAN_SHARE_MAX * limit.span + DUST

    @invariant()
    def limits_stay_within_bounds(self) -> None:
        for limit in LIMITS:
            assert limit.low <= self.kept.thresholds()[limit.name] <= limit.high

    @invariant()
    def nobody_can_tell_which_one_was_stored(self) -> None:
        assert same(self.kept.memory, self.rebuilt.memory)
