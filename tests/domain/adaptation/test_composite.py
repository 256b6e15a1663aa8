"""The composite score as a guide: each threshold goes where the window would have scored higher, and says so."""

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_service.domain.adaptation import AdaptationPolicy, Algorithm, Composite, Explanation, anchored, composite
from ml_service.domain.adaptation.composite import POOR
from tests.domain.adaptation.markets import LIMITS, VOLUME, Limit, Matrix, Vector, losing, same, usual

POLICY = AdaptationPolicy()


def live(
    learner: Algorithm,
    days: range,
    worth: Callable[[Matrix], Vector] = losing,
    *,
    noise: float = 0.3,
    signals: int = 24,
) -> list[Explanation | None]:
    found = []
    for day in days:
        random = np.random.default_rng(day)
        values = usual(random, signals)
        learner.observe(values, *learner.decide(values), worth(values) + random.normal(0.0, noise, signals))
        found.append(learner.adapt(day))
    return found


def last(told: list[Explanation | None]) -> Explanation:
    assert told[-1] is not None
    return told[-1]


def first_step(worth: Callable[[Matrix], Vector], policy: AdaptationPolicy = POLICY) -> dict[str, float]:
    """In spreads, after one day of many signals."""
    learner = composite(LIMITS, policy)
    live(learner, range(1), worth, signals=200)
    after = learner.thresholds()
    return {limit.name: round(limit.tightened(limit.default, after[limit.name]), 9) for limit in LIMITS}


def below(parameter: int, cut: float, loss: float = -1.0, gain: float = 0.4) -> Callable[[Matrix], Vector]:
    """Signals with less of that parameter lose."""
    return lambda values: np.where(values[:, parameter] < cut, loss, gain)


def assert_told_truly(told: Explanation) -> None:
    """Every limit is spoken of once; each that moved went where the window would have scored higher."""
    assert told.algorithm == "composite"
    spoken = [move.parameter for move in told.moved] + [held.parameter for held in told.held]
    assert sorted(spoken) == sorted(limit.name for limit in LIMITS)
    assert all(held.why for held in told.held)
    assert bool(told.moved) == (told.verdict == "moved")
    for move in told.moved:
        limit = next(limit for limit in LIMITS if limit.name == move.parameter)
        tightened = limit.tightened(move.before, move.after)
        assert tightened * limit.tightened(move.before, move.target) > 0.0
        assert f"the limit becomes {'tighter' if tightened > 0.0 else 'looser'}" in move.sentence
        scores = re.search(r"would have scored ([0-9.]+) instead of ([0-9.]+)", move.sentence)
        assert scores is not None
        assert float(scores[1]) > float(scores[2])


# Where it goes


def test_each_limit_has_a_direction_of_its_own() -> None:
    def worth(values: Matrix) -> Vector:
        """Little confidence loses, and an RSI above its limit gains."""
        return np.where(values[:, 0] < 0.7, -1.0, np.where(values[:, 1] > 70.0, 2.0, 0.1))

    step = first_step(worth)

    assert step["confidence_threshold"] > 0.0
    assert step["rsi_threshold"] < 0.0


def test_a_limit_rises_over_what_loses() -> None:
    learner = composite(LIMITS)

    live(learner, range(30))

    assert learner.thresholds()["confidence_threshold"] > 0.68


def test_a_limit_at_zero_moves_by_a_tenth_of_a_spread() -> None:
    """The documents' formula multiplied by the value, and so never moved a MACD of 0."""
    assert first_step(below(2, 0.02))["macd_threshold"] == 0.1


def test_twice_the_learning_rate_is_twice_the_step() -> None:
    policy = replace(POLICY, learning_rate=0.02)

    assert first_step(below(2, 0.02), policy)["macd_threshold"] == 0.2


def test_the_learning_rate_is_kept_within_its_limits() -> None:
    policy = replace(POLICY, learning_rate=5.0, learning_rate_max=0.02)

    assert first_step(below(2, 0.02), policy)["macd_threshold"] == 0.2


def test_no_step_is_larger_than_the_share_of_the_span_of_one_cycle() -> None:
    policy = replace(POLICY, learning_rate=0.1, span_share_max=0.02)

    steps = first_step(below(2, 0.02), policy)

    assert steps["macd_threshold"] == pytest.approx(0.02 * 0.2 / 0.04)


def test_a_limit_stops_at_its_bound() -> None:
    narrow = (replace(LIMITS[0], high=0.66), *LIMITS[1:])
    learner = composite(narrow)
    told = live(learner, range(10), below(0, 0.66, loss=-4.0), signals=100)

    assert learner.thresholds()["confidence_threshold"] == 0.66
    assert all(move.after <= 0.66 for one in told if one is not None for move in one.moved)


def test_a_nailed_limit_stays_and_says_why() -> None:
    nailed = (replace(LIMITS[0], low=0.65, high=0.65), *LIMITS[1:])
    told = last(live(composite(nailed), range(1), signals=100))

    assert {held.parameter: held.why for held in told.held}["confidence_threshold"] == "has no room between its bounds"


def test_a_logarithmic_limit_moves_between_its_raw_bounds() -> None:
    learner = composite(LIMITS)

    live(learner, range(30), below(3, 2e9))

    assert 1.1e9 < learner.thresholds()["volume_threshold"] <= VOLUME.high


def test_a_step_below_the_smallest_allowed_waits() -> None:
    """A tenth of a spread of MACD is 2 % of its span."""
    policy = replace(POLICY, change_share_min=0.021)
    learner = composite(LIMITS, policy)

    told = last(live(learner, range(1), below(2, 0.02), signals=200))

    assert learner.thresholds()["macd_threshold"] == 0.0
    assert "a step of less than 2.1% of its span waits" in {h.parameter: h.why for h in told.held}["macd_threshold"]


def test_where_nothing_tells_signals_apart_nothing_moves() -> None:
    told = last(live(composite(LIMITS), range(1), lambda values: np.full(len(values), 0.3), noise=0.0, signals=200))

    assert told.verdict == "held"
    assert all(held.why for held in told.held)


# What it makes of the window


def test_no_data_is_not_bad_performance() -> None:
    learner = composite(LIMITS)
    learner.observe(usual(np.random.default_rng(0), 60), [False] * 60, 1.0, [0.5] * 60)

    told = learner.adapt(0)

    assert told is not None
    assert (told.verdict, told.reason) == ("insufficient", "no data: no trade of the window has a known result")
    assert learner.memory.cooling_until is None


def test_too_few_trades_are_not_enough() -> None:
    learner = composite(LIMITS)
    learner.observe(usual(np.random.default_rng(0), 9), [True] * 9, 1.0, [-1.0] * 9)

    told = learner.adapt(0)

    assert told is not None
    assert told.verdict == "insufficient"
    assert told.reason == "not enough evidence: 9 trades with a known result, 10 are needed"


def test_weights_that_ask_for_nothing_known_are_no_score() -> None:
    learner = composite(LIMITS, replace(POLICY, score_weights={"sharpe_ratio": 0.0}))

    told = last(live(learner, range(1), signals=100))

    assert told.reason == "no data: no figure that has a weight is known of the window"


def test_poor_performance_is_followed_by_a_cooldown_of_48_hours() -> None:
    learner = composite(LIMITS)
    told = live(learner, range(6), below(0, 0.8, loss=-2.0, gain=0.3), signals=100)

    reasons = [one.reason for one in told if one is not None]
    verdicts = [one.verdict for one in told if one is not None]
    poor = next(at for at, reason in enumerate(reasons) if reason.startswith("poor performance"))
    assert f"less than {POOR:g}; cooling down for 48 hours" in reasons[poor]
    assert reasons[poor + 1] == "cooling down after poor performance for another 1 day"
    assert verdicts[poor : poor + 2] == ["held", "held"]
    assert verdicts[poor + 2] == "moved", "what is poor has to be able to change"


def test_a_cooldown_can_be_switched_off() -> None:
    learner = composite(LIMITS, replace(POLICY, cooldown_hours=0.0))

    assert last(live(learner, range(1), below(0, 0.8, loss=-2.0, gain=0.3), signals=100)).verdict == "moved"


@pytest.mark.parametrize(("second_half", "word"), [(1.0, "rising"), (-0.9, "falling"), (0.1, "steady")])
def test_the_trend_between_the_halves_of_the_window_is_told(second_half: float, word: str) -> None:
    learner = composite(LIMITS, replace(POLICY, trades_min=10))
    random = np.random.default_rng(0)
    pattern = np.tile([0.3, -0.1], 10)
    for day in range(4):
        results = pattern if day < 2 else pattern + second_half - 0.1
        learner.observe(usual(random, 20), [True] * 20, 1.0, results)
        if day < 3:
            learner.settle(day)

    told = learner.adapt(3)

    assert told is not None
    assert f", {word} from 0." in told.reason


def test_while_the_score_rises_steps_are_half_as_large() -> None:
    learner = composite(LIMITS)
    values = usual(np.random.default_rng(0), 400)
    accepted, propensity = learner.decide(values)
    results = below(2, 0.02)(values)
    for day, more in ((0, -0.2), (1, 0.5)):
        learner.observe(values, accepted, propensity, results + more)
        learner.settle(day)

    told = learner.adapt(1)

    assert told is not None
    assert "rising" in told.reason
    assert learner.thresholds()["macd_threshold"] == pytest.approx(0.5 * 0.1 * 0.04)


def test_the_window_holds_the_last_trades_and_what_was_rejected_since() -> None:
    learner = composite(LIMITS, replace(POLICY, performance_window=30))

    told = last(live(learner, range(20)))

    assert told.window.accepted == 30
    assert learner.memory.evidence.accepted[0]


def test_a_correction_takes_back_what_was_observed_before() -> None:
    corrected, plain = composite(LIMITS), composite(LIMITS)
    values = usual(np.random.default_rng(0), 20)
    plain.observe(values, [True] * 20, 1.0, losing(values))
    corrected.observe(values, [True] * 20, 1.0, losing(values))
    corrected.observe(values[:2], [True] * 2, 1.0, [4.0, 4.0])
    corrected.observe(values[:2], [True] * 2, 1.0, [4.0, 4.0], weight=-1.0)

    plain.settle(0)
    corrected.settle(0)

    assert same(corrected.memory.evidence, plain.memory.evidence)


# The same door as the other algorithm


def test_both_algorithms_are_driven_alike() -> None:
    for learner in (anchored(LIMITS, 3), composite(LIMITS)):
        told = last(live(learner, range(3)))
        assert set(learner.thresholds()) == {limit.name for limit in LIMITS}
        assert learner.adapt(3, regime=0, tilt=None, frozen=None) is None
        assert told.day == 2


def test_adapting_again_without_new_outcomes_changes_nothing() -> None:
    learner = composite(LIMITS)
    live(learner, range(10))
    before = learner.memory

    assert [learner.adapt(day) for day in range(5, 65)] == [None] * 60
    assert learner.memory is before


def test_a_guide_that_was_stored_every_day_goes_on_as_one_that_never_was() -> None:
    kept, rebuilt = composite(LIMITS), composite(LIMITS)
    for day in range(60):
        assert live(kept, range(day, day + 1)) == live(rebuilt, range(day, day + 1))
        rebuilt = Composite(LIMITS, POLICY, memory=deepcopy(rebuilt.memory))

    assert same(kept.memory, rebuilt.memory)


def test_observing_in_portions_equals_observing_at_once() -> None:
    at_once, in_portions = composite(LIMITS), composite(LIMITS)
    values = usual(np.random.default_rng(9), 60)
    accepted, propensity = at_once.decide(values)
    at_once.observe(values, accepted, propensity, losing(values))
    for rows in (slice(0, 7), slice(7, 7), slice(7, 60)):
        in_portions.observe(values[rows], accepted[rows], propensity[rows], losing(values)[rows])

    assert at_once.adapt(0) == in_portions.adapt(0)
    assert same(at_once.memory, in_portions.memory)


def test_nothing_moves_while_it_is_frozen() -> None:
    learner = composite(LIMITS)
    learner.observe(usual(np.random.default_rng(0), 100), [True] * 100, 1.0, [-1.0] * 100)

    told = learner.adapt(0, frozen="frozen by hand")

    assert told is not None
    assert {held.why for held in told.held} == {"frozen by hand"}
    assert learner.thresholds() == {limit.name: limit.default for limit in LIMITS}


def test_every_sentence_holds_when_read_aloud() -> None:
    for one in live(composite(LIMITS), range(40), noise=1.0):
        assert one is not None
        assert_told_truly(one)


def test_wrong_parameters_and_signals_are_refused() -> None:
    with pytest.raises(ValueError, match="expected a default within"):
        composite([Limit(default=2.0)])
    with pytest.raises(ValueError, match="X: expected one row per signal and 4 columns"):
        composite(LIMITS).decide([[0.7]])
    with pytest.raises(ValueError, match="y: expected one value for each of 2 signals"):
        composite(LIMITS).observe(np.zeros((2, 4)), [True, True], 1.0, [1.0])


def test_a_window_that_recovered_and_became_poor_again_cools_down_again() -> None:
    """A cooldown that nothing moved after was once remembered for ever."""
    learner = composite(LIMITS, replace(POLICY, performance_window=20))
    verdicts = []
    for day, result in enumerate([-1.0, -1.0, -1.0, 1.0, -1.0]):
        values = usual(np.random.default_rng(day), 20)
        learner.observe(values, [True] * 20, 1.0, np.tile([result, result / 2.0], 10))
        told = learner.adapt(day)
        assert told is not None
        verdicts.append(told.reason.split(":")[0])

    assert verdicts[0] == verdicts[4] == "poor performance"
    assert not any(verdict == "poor performance" for verdict in verdicts[1:4])


@settings(max_examples=30, deadline=None)
@given(
    learning_rate=st.floats(0.0, 1.0),
    span_share_max=st.floats(0.001, 1.0),
    change_share_min=st.floats(0.0, 0.5),
    parameter=st.integers(0, 3),
    sign=st.sampled_from([-1.0, 1.0]),
)
def test_steps_lie_between_the_smallest_and_the_largest_share_of_the_span(
    learning_rate: float, span_share_max: float, change_share_min: float, parameter: int, sign: float
) -> None:
    policy = AdaptationPolicy(
        learning_rate=learning_rate, span_share_max=span_share_max, change_share_min=change_share_min
    )
    low_half = below(parameter, [0.7, 63.0, 0.02, 2e9][parameter], loss=-sign, gain=sign)
    learner = composite(LIMITS, replace(policy, cooldown_hours=0.0))
    told = last(live(learner, range(1), low_half, signals=100))

    assert_told_truly(told)
    for move in told.moved:
        limit = next(limit for limit in LIMITS if limit.name == move.parameter)
        share = abs(limit.tightened(move.before, move.after)) / limit.span
        assert change_share_min - 1e-9 <= share <= span_share_max + 1e-9
        assert limit.low <= move.after <= limit.high
