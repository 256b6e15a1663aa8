"""The anchored learner: it moves toward what pays, says why, and by no more than it may."""

import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, fields, replace

import numpy as np
import pytest

from benchmarks import worlds
from ml_service.domain.adaptation import Anchored, anchored
from ml_service.domain.adaptation.anchored import DAYS_PER_GENERATION
from ml_service.domain.adaptation.evidence import Flags
from ml_service.domain.adaptation.library import passes
from ml_service.domain.adaptation.presets import PRESETS
from tests.domain.adaptation.markets import (
    CONFIDENCE,
    LIMITS,
    VOLUME,
    Limit,
    Matrix,
    Vector,
    assert_told_truly,
    earned_over_default,
    gaining,
    live,
    losing,
    same,
    usual,
)

MODULE = sys.modules[Anchored.__module__]
"""The package's builder has the same name."""


def learned(days: int = 60, **changes: object) -> Anchored:
    learner = anchored(LIMITS, 3, **changes)  # type: ignore[arg-type]  # a builder
    live(learner, range(days))
    return learner


def strictest(learner: Anchored) -> None:
    """All the weight on a vector that refuses everything."""
    learner._library[399] = learner.scale.high
    learner.memory = replace(learner.memory, weights=np.where(np.arange(400) == 399, 1.0, 1e-12)[None, :])


def stored(learner: Anchored) -> Anchored:
    return Anchored(LIMITS, 3, learner.preset, learner.options, deepcopy(learner.memory))


# What it learns


def test_a_limit_rises_over_what_loses() -> None:
    assert learned(90).thresholds()["confidence_threshold"] > 0.68


def test_a_limit_falls_below_what_gains() -> None:
    learner = anchored(LIMITS, 3)

    live(learner, range(90), lambda values: np.where(values[:, 0] < 0.75, 0.8, 0.2))

    assert learner.thresholds()["confidence_threshold"] < 0.62


def test_a_learner_that_has_seen_nothing_stands_on_the_defaults() -> None:
    assert anchored(LIMITS, 3).thresholds() == {limit.name: limit.default for limit in LIMITS}


def test_what_a_signal_does_not_carry_stops_nobody() -> None:
    learner = anchored(LIMITS, 3)

    accepted, _ = learner.decide([[0.7, np.nan, 0.1, np.nan], [0.6, np.nan, 0.1, np.nan], [np.nan] * 4])

    assert accepted.tolist() == [True, False, True]


def test_a_signal_on_the_limit_passes() -> None:
    assert anchored(LIMITS, 3).decide([[0.65, 70.0, 0.0, 1e9]])[0].tolist() == [True]


def test_a_logarithmic_limit_is_learned_between_its_raw_bounds() -> None:
    learner = anchored(LIMITS, 3)

    live(learner, range(120), lambda values: np.where(values[:, 3] < 2e9, -0.9, 0.3))

    assert 1.2e9 < learner.thresholds()["volume_threshold"] <= VOLUME.high


def test_learning_earns_more_than_the_defaults_where_there_is_something_to_gain() -> None:
    gained = [
        earned_over_default(
            anchored(worlds.FEATURES, seed), worlds.stationary(random, worlds.Family()), random, 240
        ).sum()
        for seed in range(4)
        for random in [np.random.default_rng(seed)]
    ]

    assert sum(gained) > 40.0
    assert min(gained) > -15.0


def test_learning_loses_next_to_nothing_where_the_defaults_are_right() -> None:
    world = worlds.rightly_set(np.random.default_rng(5), worlds.Family())
    units = world.states[0].signals(np.random.default_rng(6), 20_000)
    passed = (units >= worlds.ANCHOR).all(axis=1)
    per_day = float(world.states[0].mean(units)[passed].sum()) / 20_000 * world.signals_per_day

    gained = [
        earned_over_default(anchored(worlds.FEATURES, seed), world, np.random.default_rng(seed), 240).sum()
        for seed in range(4)
    ]

    assert sum(gained) / 4 > -0.05 * 240 * per_day


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_learns(preset: str) -> None:
    learner = anchored(LIMITS, 3, preset)

    live(learner, range(90))

    assert learner.thresholds()["confidence_threshold"] > 0.65
    assert learner.memory.weights.sum() == pytest.approx(1.0)


def test_the_cautious_preset_moves_later_than_the_balanced_one() -> None:
    def first_move(preset: str) -> int:
        told = live(anchored(LIMITS, 3, preset), range(90))
        return next(day for day, one in enumerate(told) if one is not None and one.moved)

    assert first_move("cautious") > first_move("balanced")


# How it moves


def test_a_week_of_standing_still_is_not_made_up_for_in_one_day() -> None:
    """The daily step once counted from the last move, so that a learner that had been frozen for a week leapt."""
    learner = anchored([CONFIDENCE], 3)
    learner.memory = replace(learner.memory, trades=1_000, known=1_000)
    reached = []
    for day in range(10):
        strictest(learner)
        learner.observe([[0.7]], [True], [1.0], [-0.05])
        learner.adapt(day, frozen=None if day in (0, 9) else "frozen by hand")
        reached.append(learner.thresholds()["confidence_threshold"])

    assert reached == pytest.approx([0.665] * 9 + [0.68])


def test_who_adapts_once_a_week_may_move_by_a_week_of_steps() -> None:
    weekly = anchored(LIMITS, 3)
    for day in range(0, 140, 7):
        live(weekly, range(day, day + 1), signals=168)

    assert weekly.thresholds()["confidence_threshold"] > 0.68


def test_adapting_again_without_new_outcomes_changes_nothing() -> None:
    learner = learned()
    before = learner.memory

    assert [learner.adapt(day) for day in range(55, 115)] == [None] * 60
    assert learner.memory is before


def test_evidence_that_comes_after_its_day_was_settled_waits_for_the_next() -> None:
    learner = learned(60)
    values = usual(np.random.default_rng(0), 5)
    learner.observe(values, [True] * 5, [1.0] * 5, [0.3] * 5)

    assert learner.adapt(59) is None
    told = learner.adapt(60)
    assert told is not None
    assert told.new_outcomes == 5


def test_a_day_that_was_settled_ahead_counts_as_the_day_of_the_step() -> None:
    learner = learned(60)
    learner.observe(usual(np.random.default_rng(0), 5), [True] * 5, 1.0, [0.3] * 5)
    learner.settle(61)

    told = learner.adapt(40)

    assert told is not None
    assert told.day == learner.memory.adapted_day == 61


def test_nothing_moves_while_it_is_frozen() -> None:
    learner = learned(60)
    before = learner.thresholds()
    values = usual(np.random.default_rng(0), 24)
    learner.observe(values, *learner.decide(values), losing(values))

    told = learner.adapt(60, frozen="frozen: 12 of the last 100 outcomes are quarantined")

    assert learner.thresholds() == before
    assert told is not None
    assert (told.verdict, told.reason) == ("held", "frozen: 12 of the last 100 outcomes are quarantined")
    assert {held.why for held in told.held} == {told.reason}


@pytest.mark.parametrize(("trades", "rejected"), [(9, 500), (20, 29)])
def test_too_little_evidence_holds_and_says_so(trades: int, rejected: int) -> None:
    learner = anchored(LIMITS, 3)
    values = usual(np.random.default_rng(0), trades + rejected)
    accepted = np.arange(len(values)) < trades
    learner.observe(values, accepted, 1.0, np.full(len(values), -3.0))

    told = learner.adapt(0)

    assert told is not None
    assert told.verdict == "insufficient"
    assert told.reason.startswith("not enough evidence")
    assert f"{trades} trades and {trades + rejected} known outcomes" in told.reason
    assert learner.thresholds() == {limit.name: limit.default for limit in LIMITS}


def test_it_rolls_back_when_the_moved_limits_do_worse_and_then_cools_down_for_seven_days() -> None:
    learner = learned(60)
    assert learner.thresholds()["confidence_threshold"] > 0.65

    told = live(learner, range(60, 100), gaining)

    verdicts = [one.verdict for one in told if one is not None]
    rolled_back = verdicts.index("rolled_back")
    back = told[rolled_back]
    assert back is not None
    assert_told_truly(back, LIMITS)
    assert {move.parameter: move.after for move in back.moved}["confidence_threshold"] == 0.65
    cooling = [one for one in told[rolled_back + 1 : rolled_back + 7] if one is not None]
    assert [one.verdict for one in cooling] == ["held"] * 6
    assert [one.reason for one in cooling[::5]] == ["cooling down for another 6 days", "cooling down for another 1 day"]
    after = told[rolled_back + 7]
    assert after is not None
    assert "cooling down" not in after.reason


def test_a_loss_of_a_million_does_not_steer() -> None:
    flipped = both = 0
    for seed in range(10):
        clean, poisoned = anchored(LIMITS, seed), anchored(LIMITS, seed)
        live(clean, range(60), seed=seed)
        live(poisoned, range(60), seed=seed, poison=0.02)
        for limit in LIMITS:
            one = limit.tightened(limit.default, clean.thresholds()[limit.name])
            other = limit.tightened(limit.default, poisoned.thresholds()[limit.name])
            both += one != 0.0 and other != 0.0
            flipped += one * other < 0.0

    assert both >= 10
    assert flipped <= 0.15 * both


# What it says


@pytest.mark.parametrize("worth", [losing, gaining])
def test_every_sentence_holds_when_read_aloud(worth: Callable[[Matrix], Vector]) -> None:
    for one in live(anchored(LIMITS, 4), range(120), worth):
        assert one is not None
        assert_told_truly(one, LIMITS)


def test_the_window_counts_what_was_seen() -> None:
    learner = anchored(LIMITS, 3)
    values = usual(np.random.default_rng(0), 6)
    learner.observe(values, [True, True, False, False, False, True], 1.0, [0.1, np.nan, 0.2, 0.3, np.nan, np.inf])

    told = learner.adapt(20_000)

    assert told is not None
    assert (told.algorithm, told.preset, told.new_outcomes) == ("anchored", "balanced", 3)
    assert (told.window.outcomes, told.window.accepted, told.window.counterfactual) == (3, 1, 2)
    assert (told.window.first_day, told.window.last_day) == (20_000, 20_000)


def test_signals_that_neither_gained_nor_lost_are_no_reason_to_move() -> None:
    """Zero used to be told as a gain, and refused all the same."""
    learner = anchored([CONFIDENCE], 3, haircut=0.0)
    learner.memory = replace(learner.memory, trades=1_000, known=1_000)
    strictest(learner)
    learner.observe([[0.7], [0.8]], [True, True], 1.0, [1.0, -1.0])

    told = learner.adapt(0)

    assert told is not None
    assert told.verdict == "held"
    assert "not yet a reason to refuse them" in told.held[0].why


# The same again


def test_the_same_seed_and_the_same_signals_lead_to_the_same_end() -> None:
    assert same(learned(90).memory, learned(90).memory)


def test_another_seed_draws_another_library() -> None:
    assert not same(anchored(LIMITS, 3).memory.evolved, anchored(LIMITS, 4).memory.evolved)


@pytest.mark.parametrize("exploration", [0.0, 0.2])
def test_a_learner_that_was_stored_every_day_goes_on_as_one_that_never_was(exploration: float) -> None:
    """With exploration it once did not: which signals were explored hung on how many had been decided before."""
    kept = anchored(LIMITS, 3, exploration=exploration)
    rebuilt = anchored(LIMITS, 3, exploration=exploration)
    for day in range(150):
        assert live(kept, range(day, day + 1)) == live(rebuilt, range(day, day + 1))
        rebuilt = stored(rebuilt)

    assert kept.memory.generation > 15
    assert same(kept.memory, rebuilt.memory)


def test_observing_in_portions_equals_observing_at_once() -> None:
    at_once, in_portions = learned(30), learned(30)
    values = usual(np.random.default_rng(9), 60)
    accepted, propensity = at_once.decide(values)
    results = losing(values)

    at_once.observe(values, accepted, propensity, results)
    for rows in (slice(0, 7), slice(7, 7), slice(7, 30), slice(30, 60)):
        in_portions.observe(values[rows], accepted[rows], propensity[rows], results[rows])

    assert at_once.adapt(30) is not None
    assert in_portions.adapt(30) is not None
    assert in_portions.thresholds() == pytest.approx(at_once.thresholds())
    np.testing.assert_allclose(in_portions.memory.weights, at_once.memory.weights)
    assert same(in_portions.memory.evidence, at_once.memory.evidence)


def test_a_batch_of_any_size_is_weighed_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Days of 2, 5, 1 and 4 signals, three rows at once."""
    values = usual(np.random.default_rng(0), 12)[:, : len(LIMITS)]
    days = np.repeat([3, 4, 6, 20], [2, 5, 1, 4])
    whole, pieces = anchored(LIMITS, 3), anchored(LIMITS, 3)
    weighed: list[int] = []

    whole.observe(values, [True] * 12, 1.0, losing(values), days=days)
    whole.settle(20)
    monkeypatch.setattr(MODULE, "ROWS_AT_ONCE", 3)

    def counted(vectors: Matrix, units: Matrix) -> Flags:
        weighed.append(len(units))
        return passes(vectors, units)

    monkeypatch.setattr(MODULE, "passes", counted)
    pieces.observe(values, [True] * 12, 1.0, losing(values), days=days)
    pieces.settle(20)

    assert max(weighed) == 3
    np.testing.assert_allclose(pieces.memory.weights, whole.memory.weights)
    np.testing.assert_allclose(pieces.memory.drift, whole.memory.drift)
    np.testing.assert_allclose(pieces.memory.gains, whole.memory.gains)


@pytest.mark.parametrize("regimes", [1, 3])
def test_many_days_at_once_are_settled_as_one_after_the_other(regimes: int) -> None:
    random = np.random.default_rng(1)
    one_by_one, at_once = anchored(LIMITS, 3, regimes=regimes), anchored(LIMITS, 3, regimes=regimes)

    # Every third day without a signal, and a pause of a month.
    for day in [day for day in range(40) if day % 3] + [70, 71, 72]:
        values = usual(random, 1 + day % 5)[:, : len(LIMITS)]
        accepted, results, regime = random.random(len(values)) < 0.5, losing(values), day % regimes
        one_by_one.observe(values, accepted, 1.0, results, regime=regime)
        one_by_one.settle(day)
        at_once.observe(values, accepted, 1.0, results, regime=regime, days=day)
    at_once.settle(72)

    for field in fields(one_by_one.memory):
        former, latter = getattr(one_by_one.memory, field.name), getattr(at_once.memory, field.name)
        if field.name == "evidence":
            assert same(former, latter)
        elif isinstance(former, np.ndarray):
            np.testing.assert_allclose(latter, former, rtol=1e-9, atol=1e-12)
        elif field.name != "tide":
            assert latter == former
    assert one_by_one.memory.generation == 72 // DAYS_PER_GENERATION


def test_a_day_that_cannot_be_is_refused() -> None:
    learner = anchored(LIMITS, 3)
    values = usual(np.random.default_rng(0), 2)[:, : len(LIMITS)]

    with pytest.raises(ValueError, match=r"days since 1970, found 1\.7e"):
        learner.observe(values, [True] * 2, 1.0, [1.0, 1.0], days=[20_000, 1_700_000_000_000])


def test_a_correction_takes_back_what_was_observed_before() -> None:
    """It once stood in the window beside what it corrected, and counted as two outcomes more."""
    corrected, plain = anchored(LIMITS, 3), anchored(LIMITS, 3)
    values = usual(np.random.default_rng(0), 60)
    values[7, 2] = np.nan
    accepted, results = np.arange(60) % 2 == 0, losing(values)
    wrong, was_accepted = results.copy(), accepted.copy()
    wrong[7], was_accepted[7] = 3.0, True

    corrected.observe(values, was_accepted, 1.0, wrong)
    corrected.adapt(0)
    corrected.observe(values[7:8], [True], 1.0, wrong[7:8], weight=-1.0)
    corrected.observe(values[7:8], [False], 1.0, results[7:8])
    told = corrected.adapt(1)
    plain.observe(values, accepted, 1.0, results)
    plain.adapt(0)

    assert told is not None
    assert told.new_outcomes == 2
    assert told.window.outcomes == 60
    assert sorted(corrected.memory.evidence.keys()) == sorted(plain.memory.evidence.keys())
    assert (corrected.memory.known, corrected.memory.trades) == (plain.memory.known, plain.memory.trades)


def test_what_is_no_longer_kept_can_still_be_taken_back() -> None:
    learner = learned(60)
    before = learner.memory

    learner.observe([[0.7, 60.0, 0.0, 1e9]], [True], 1.0, [0.123], weight=-1.0)
    learner.settle(60)

    assert len(learner.memory.evidence) <= len(before.evidence)
    assert learner.memory.known == before.known - 1


# Exploration, regimes, pooling


def test_exploration_takes_its_share_of_what_is_refused_and_says_how_likely_that_was() -> None:
    learner = anchored(LIMITS, 3, exploration=0.2)
    values = usual(np.random.default_rng(0), 20_000)
    by_the_gate, _ = anchored(LIMITS, 3).decide(values)

    accepted, propensity = learner.decide(values)

    refused = ~by_the_gate
    assert accepted[by_the_gate].all()
    assert (propensity[by_the_gate] == 1.0).all()
    assert accepted[refused].mean() == pytest.approx(0.2, abs=0.02)
    assert np.array_equal(propensity[refused], np.where(accepted[refused], 0.2, 0.8))


def test_a_trade_that_was_explored_counts_for_those_that_were_not() -> None:
    def evidence_of(propensity: float) -> float:
        learner = anchored([CONFIDENCE], 3)
        learner.observe([[0.55]], [True], [propensity], [1.0])
        learner.settle(0)
        return float(np.abs(learner.memory.noise - 2.0 * 0.97).max())

    assert evidence_of(0.5) == pytest.approx(4.0 * evidence_of(1.0))
    assert evidence_of(0.0) == evidence_of(0.1)
    assert evidence_of(3.0) == evidence_of(1.0)


def test_a_trade_whose_propensity_is_unknown_is_left_out() -> None:
    """It once made every weight NaN."""
    learner = anchored([CONFIDENCE], 3)

    learner.observe([[0.7], [0.6]], [True, False], np.nan, [1.0, 1.0])
    learner.settle(0)

    assert (learner.memory.known, learner.memory.trades) == (1, 0)
    assert np.isfinite(learner.memory.weights).all()


def test_each_regime_learns_its_own_and_a_little_of_the_others() -> None:
    learner = anchored([CONFIDENCE], 3, regimes=3)
    random = np.random.default_rng(0)
    for day in range(90):
        values = random.normal(0.7, 0.1, (24, 1))
        for regime, sign in ((0, -1.0), (1, 1.0)):
            results = sign * np.where(values[:, 0] < 0.7, 1.0, -0.3)
            learner.observe(values, [True] * 24, 1.0, results, regime=regime)
        learner.adapt(day, regime=0)

    assert learner.memory.weights.shape == (4, 400)
    np.testing.assert_allclose(learner.memory.weights.sum(axis=1), 1.0)
    assert learner.target(0)[0] > learner.scale.anchor[0] > learner.target(1)[0]


def test_what_the_other_symbols_learned_tilts_one_that_has_seen_little() -> None:
    teacher, pupil = learned(120), anchored(LIMITS, 3)

    tilted = pupil.target(tilt=4.0 * teacher.tilt())

    assert tilted[0] > pupil.target()[0]
    assert np.array_equal(pupil.target(tilt=pupil.tilt()), pupil.target())


def test_a_learner_that_has_seen_nothing_tilts_nobody() -> None:
    np.testing.assert_allclose(anchored(LIMITS, 3).tilt(), 0.0, atol=1e-12)


# What it refuses


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([], "parameters: expected at least one, found none"),
        ([CONFIDENCE, CONFIDENCE], "expected each name once"),
        ([Limit(sense=0)], "expected a sense of .1 or -1, found 0"),
        ([Limit(spread=0.0)], "expected a spread above 0, found 0.0"),
        ([Limit(spread=np.nan)], "expected a spread above 0, found nan"),
        ([Limit(default=1.1)], "expected a default within 0.2 to 1.0, found 1.1"),
        ([Limit(default=np.nan)], "expected a default within 0.2 to 1.0, found nan"),
        ([Limit(low=-np.inf)], "expected finite bounds, found -inf and 1.0"),
        ([Limit(spread=1e-308, high=1e9)], "expected a spread that its bounds can be measured in"),
        ([Limit(low=0.0, scale="log")], "expected a low above 0 on a logarithmic scale, found 0.0"),
    ],
)
def test_a_parameter_that_cannot_be_learned_is_refused(parameters: list[Limit], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        anchored(parameters, 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [("exploration", 0.6), ("exploration", -0.1), ("haircut", np.nan), ("regimes", 0), ("learning_rate_scale", np.inf)],
)
def test_an_option_that_makes_no_sense_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected a number between .* and .*, found {value}"):
        anchored(LIMITS, 3, **{name: value})  # type: ignore[arg-type]  # any option


def test_an_unknown_preset_is_refused_by_either_door() -> None:
    with pytest.raises(ValueError, match="preset: expected one of cautious, balanced, eager, found 'bold'"):
        anchored(LIMITS, 3, "bold")
    with pytest.raises(ValueError, match="found 'bold'"):
        Anchored(LIMITS, 3, "bold", anchored(LIMITS, 3).options)


@pytest.mark.parametrize("values", [[[0.7, 60.0]], [0.7, 60.0, 0.0, 1e9], np.zeros((0, 5)), [[[0.7]]], 0.7])
def test_signals_of_another_shape_are_refused(values: object) -> None:
    learner = anchored(LIMITS, 3)
    message = r"X: expected one row per signal and 4 columns \(confidence_threshold, .*\), found an array of shape \("

    with pytest.raises(ValueError, match=message):
        learner.decide(values)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(ValueError, match=message):
        learner.observe(values, [True], [1.0], [0.0])  # type: ignore[arg-type]


def test_no_signals_are_no_trouble() -> None:
    learner = anchored(LIMITS, 3)

    accepted, propensity = learner.decide([])
    learner.observe([], accepted, propensity, [])
    learner.observe(np.empty((0, 4)), [], [], [])

    assert (accepted.shape, propensity.shape) == ((0,), (0,))
    assert learner.adapt(0) is None


@pytest.mark.parametrize("name", ["accepted", "propensity", "y"])
def test_columns_of_another_length_are_refused_by_name(name: str) -> None:
    learner = anchored(LIMITS, 3)
    columns: dict[str, list[float]] = {
        "accepted": [1.0, 1.0],
        "propensity": [1.0, 1.0],
        "y": [0.0, 0.0],
        name: [1.0, 1.0, 1.0],
    }

    with pytest.raises(ValueError, match=rf"{name}: expected one value for each of 2 signals, found shape \(3,\)"):
        learner.observe(np.zeros((2, 4)), columns["accepted"], columns["propensity"], columns["y"])
    assert learner.adapt(0) is None


@pytest.mark.parametrize("regime", [-1, 2])
def test_an_unknown_regime_is_refused_before_anything_is_settled(regime: int) -> None:
    """It once failed while settling, and took the day's evidence with it."""
    learner = anchored(LIMITS, 3, regimes=2)

    with pytest.raises(ValueError, match=f"regime: expected one of 0 to 1, found {regime}"):
        learner.observe(np.zeros((1, 4)), [True], [1.0], [0.0], regime=regime)
    with pytest.raises(ValueError, match="regime"):
        learner.adapt(0, regime=regime)


def test_milliseconds_are_not_taken_for_days() -> None:
    learner = anchored(LIMITS, 3)
    learner.observe(np.zeros((1, 4)), [True], [1.0], [0.0])

    with pytest.raises(ValueError, match="day: expected days since 1970, found 1763740000000"):
        learner.adapt(1_763_740_000_000)
    told = learner.adapt(20_413)
    assert told is not None
    assert told.new_outcomes == 1


def test_a_rest_that_began_while_the_clock_was_ahead_is_as_long_as_any_other() -> None:
    memory = replace(anchored(LIMITS, 1).memory, day=100, adapted_day=500, held_until=507)

    rebased = memory.rebased(110)

    assert (rebased.day, rebased.adapted_day, rebased.held_until) == (100, 110, 117)
    assert memory.rebased(500) is memory


def test_parameters_may_be_plain_mappings() -> None:
    plain = [asdict(limit) for limit in LIMITS]

    assert anchored(plain, 3).thresholds() == anchored(LIMITS, 3).thresholds()
