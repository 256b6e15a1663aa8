"""Regimes kept apart: each learns its own, what decides is a mix of them, and going back loses nothing."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_service.domain.adaptation import Anchored, Explanation, anchored
from ml_service.domain.adaptation.apart import first_alone, mixed_after, naming, regrouped, weighed_for
from ml_service.domain.adaptation.explanation import document_of
from tests.domain.adaptation.markets import CONFIDENCE, LIMITS, Matrix, Vector, live, losing, same, usual

SHARED = ("drift", "noise", "tide", "evolved", "evidence", "day", "generation", "known", "trades", "new_outcomes")
UNKNOWN = np.nan


def a_day(day: int, signals: int = 24) -> tuple[Matrix, Vector, np.random.Generator]:
    random = np.random.default_rng([7, day])
    values = usual(random, signals)
    return values, losing(values) + random.normal(0.0, 1.0, signals), random


def lived(learner: Anchored, regime_of: object, days: int = 40) -> list[Explanation | None]:
    """`regime_of` says of a day which regimes its signals met: one, one for each, or None."""
    found = []
    for day in range(days):
        values, results, _ = a_day(day)
        learner.observe(values, *learner.decide(values), results, regime=regime_of(day))  # type: ignore[operator]
        found.append(learner.adapt(day))
    return found


def assert_first_row_is(apart: Anchored, together: Anchored) -> None:
    assert apart.memory.weights[0].tobytes() == together.memory.weights[0].tobytes()
    assert all(same(getattr(apart.memory, name), getattr(together.memory, name)) for name in SHARED)


# What each row learns


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 99), regimes=st.sampled_from([2, 4]), utility=st.sampled_from(["net_r", "score"]))
def test_the_first_row_is_what_a_learner_knows_that_keeps_nothing_apart(seed: int, regimes: int, utility: str) -> None:
    apart, together = (anchored(LIMITS, seed, regimes=number, utility=utility) for number in (regimes, 1))
    random = np.random.default_rng(seed)
    for day in range(16):
        values, results, _ = a_day(day)
        taken = random.random(24) < 0.7
        met = np.where(random.random(24) < 0.2, UNKNOWN, random.integers(0, regimes, 24))
        apart.observe(values, taken, 1.0, results, regime=met)
        together.observe(values, taken, 1.0, results)
        apart.settle(day)
        together.settle(day)

    assert_first_row_is(apart, together)
    assert same(apart.tilt(), together.tilt())
    assert not np.array_equal(apart.memory.weights[0], apart.memory.weights[1])


@pytest.mark.parametrize("unknown", [None, UNKNOWN])
def test_where_no_regime_is_known_nothing_changes(unknown: float | None) -> None:
    apart, together = anchored(LIMITS, 3, regimes=4), anchored(LIMITS, 3)

    of_apart, of_together = lived(apart, lambda day: unknown), lived(together, lambda day: None)

    assert same(tuple(of_apart), tuple(of_together))
    assert apart.thresholds() == together.thresholds() != anchored(LIMITS, 3).thresholds()
    assert all(row.tobytes() == apart.memory.weights[0].tobytes() for row in apart.memory.weights)


def test_evidence_counts_in_full_for_its_regime_and_a_share_for_the_others() -> None:
    def moved(regime: float | None) -> Vector:
        learner = anchored([CONFIDENCE], 3, regimes=3, other_regimes=0.25, learning_rate_scale=1e-6)
        before = learner.memory.weights
        learner.observe([[0.55]], [True], [1.0], [1.0], regime=regime)
        learner.settle(0)
        gone = np.log(learner.memory.weights) - np.log(before)
        away: Vector = gone[:, 1:] - gone[:, :1]
        return np.asarray(np.abs(away).max(axis=1))

    full = moved(None)
    assert full == pytest.approx(np.full(4, full[0]))
    assert moved(1.0) == pytest.approx(full * [1.0, 0.25, 1.0, 0.25], rel=1e-2)


def test_signals_of_one_day_may_have_met_different_regimes() -> None:
    learner, one_by_one = anchored(LIMITS, 3, regimes=3), anchored(LIMITS, 3, regimes=3)
    values, results, random = a_day(0)
    met = random.choice([0.0, 1.0, 2.0, UNKNOWN], 24)

    learner.observe(values, [True] * 24, 1.0, results, regime=met)
    for row in range(24):
        one_by_one.observe(values[row : row + 1], [True], 1.0, results[row : row + 1], regime=float(met[row]))
    learner.settle(0)
    one_by_one.settle(0)

    assert same(learner.memory, one_by_one.memory)


@pytest.mark.parametrize(("back", "level"), [(1.0, True), (2.0, False)])
def test_what_is_taken_back_from_its_regime_leaves_no_row_ahead(back: float, level: bool) -> None:
    learner = anchored(LIMITS, 3, regimes=3)
    values, results, _ = a_day(0)

    learner.observe(values, [True] * 24, 1.0, results, regime=1.0)
    learner.observe(values, [True] * 24, 1.0, results, weight=-1.0, regime=back)
    learner.settle(0)

    apart = np.abs(np.log(learner.memory.weights / learner.memory.weights[0])).max()
    assert (apart < 1e-9) == level


# What decides


def test_the_mix_is_that_of_the_last_day_and_a_correction_says_nothing_about_it() -> None:
    learner = anchored(LIMITS, 3, regimes=2)
    seen = []
    for day, regime in enumerate([0, 0, 0, 0, 1, 1, 1, 1]):
        values, results, _ = a_day(day)
        learner.observe(values, [True] * 24, 1.0, results, regime=regime)
        learner.observe(values[:3], [True] * 3, 1.0, results[:3], weight=-1.0, regime=1 - regime)
        learner.settle(day)
        seen.append(learner.memory.mix)

    assert [mix.tolist() for mix in seen] == [[0.0, 1.0, 0.0]] * 4 + [[0.0, 0.0, 1.0]] * 4


def test_a_day_without_evidence_leaves_the_mix() -> None:
    mix = np.array([0.25, 0.75])

    assert mixed_after(mix, np.empty(0, dtype=np.int64)) is mix
    assert mixed_after(first_alone(3), np.zeros(7, dtype=np.int64)).tolist() == [1.0, 0.0, 0.0]


def test_thresholds_go_where_the_regimes_of_late_point() -> None:
    """In one of them a low confidence loses, in the other it gains."""

    def learner_after(last: int) -> Anchored:
        learner = anchored([CONFIDENCE], 3, regimes=2)
        random = np.random.default_rng(0)
        for day in range(120):
            regime = day % 2 if day < 90 else last
            values = random.normal(0.7, 0.1, (24, 1))
            results = (1.0 if regime else -1.0) * np.where(values[:, 0] < 0.7, 1.0, -0.3)
            learner.observe(values, [True] * 24, 1.0, results, regime=regime)
            learner.settle(day)
        return learner

    calm, wild = learner_after(0), learner_after(1)

    assert calm.target()[0] > calm.scale.anchor[0] > wild.target()[0]
    assert same(calm.target(), calm.target(0))
    assert same(wild.target(), wild.target(1))


def test_a_day_of_several_regimes_is_decided_by_all_of_them() -> None:
    learner = anchored(LIMITS, 3, regimes=2)
    values, results, _ = a_day(0)

    learner.observe(values, [True] * 24, 1.0, results, regime=[0.0] * 18 + [UNKNOWN] * 6)
    learner.settle(0)

    memory = learner.memory
    assert memory.mix.tolist() == [0.25, 0.75, 0.0]
    np.testing.assert_allclose(learner._deciding(None), 0.25 * memory.weights[0] + 0.75 * memory.weights[1])


# Switching over and back


@settings(max_examples=30, deadline=None)
@given(
    names=st.lists(
        st.permutations(["calm", "wild", "slow"]).flatmap(lambda all_: st.sampled_from([all_[:2], all_, []]))
    ),
    mix=st.lists(st.integers(1, 9), min_size=4, max_size=4),
)
def test_weights_keep_their_names_and_the_first_row_however_often_they_are_regrouped(
    names: list[list[str]], mix: list[int]
) -> None:
    random = np.random.default_rng(len(names))
    before = ["calm", "wild", "slow"]
    weights, shares = random.random((4, 5)), np.array(mix) / sum(mix)
    known = dict(zip(before, weights[1:], strict=True))
    first = weights[0].copy()

    for after in names:
        weights, shares = regrouped(weights, shares, before, after)
        known = {name: known[name] if name in before else first for name in after}
        before = after

        assert weights[0].tobytes() == first.tobytes()
        assert all(np.array_equal(row, known[name]) for name, row in zip(after, weights[1:], strict=True))
        assert shares.sum() == pytest.approx(1.0)
        assert shares.shape == (1 + len(after),)
        assert (shares >= -1e-12).all()


def test_one_that_begins_to_keep_apart_stands_and_points_where_it_did() -> None:
    together = anchored(LIMITS, 3)
    live(together, range(60))

    apart = switched(together, (), ("calm", "wild"))

    assert apart.thresholds() == together.thresholds()
    assert same(apart.target(), together.target())
    assert same(apart.target(1), together.target())


def test_one_that_goes_back_knows_what_it_would_have_known_all_along() -> None:
    together, switching = anchored(LIMITS, 3), anchored(LIMITS, 3)
    for day in range(60):
        if day == 20:
            switching = switched(switching, (), ("calm", "wild"))
        if day == 45:
            switching = switched(switching, ("calm", "wild"), ())
        values, results, random = a_day(day)
        taken = random.random(24) < 0.7
        together.observe(values, taken, 1.0, results)
        switching.observe(values, taken, 1.0, results, regime=day % 2 if 20 <= day < 45 else None)
        together.settle(day)
        switching.settle(day)

    assert_first_row_is(switching, together)
    assert switching.memory.weights.shape == (1, 400)
    assert same(switching.target(), together.target())


def switched(learner: Anchored, before: tuple[str, ...], after: tuple[str, ...]) -> Anchored:
    memory = deepcopy(learner.memory)
    weights, mix = regrouped(memory.weights, memory.mix, before, after)
    options = replace(learner.options, regimes=max(1, len(after)))
    return Anchored(LIMITS, 3, learner.preset, options, replace(memory, weights=weights, mix=mix))


# What it says


def test_an_explanation_names_the_regimes_it_was_weighed_for() -> None:
    learner = anchored(LIMITS, 3, regimes=2)
    (*_, told) = lived(learner, lambda day: [0.0] * 12 + [1.0] * 6 + [UNKNOWN] * 6)
    assert told is not None

    named = naming(told, learner.memory.weights, learner.memory.mix, ("calm", "wild"))

    assert [(one.regime, round(one.share, 2)) for one in named.regimes] == [
        ("calm", 0.5),
        (None, 0.25),
        ("wild", 0.25),
    ]
    assert named.reason == f"{told.reason}, weighed for calm (50%), unknown (25%) and wild (25%) markets"
    assert named.regimes[0].anchor_weight == learner.memory.weights[1][0]
    assert document_of(named)["regimes"][0]["regime"] == "calm"


def test_an_explanation_without_a_known_regime_says_nothing_of_them() -> None:
    learner = anchored(LIMITS, 3, regimes=2)
    (*_, told) = lived(learner, lambda day: None)
    assert told is not None

    assert naming(told, learner.memory.weights, learner.memory.mix, ("calm", "wild")) is told
    assert "regimes" not in document_of(told)


def test_only_one_that_looked_for_a_target_says_what_it_was_weighed_for() -> None:
    learner = anchored(LIMITS, 3, regimes=2)
    lived(learner, lambda day: 0.0, days=10)
    values, results, _ = a_day(99)
    learner.observe(values, [True] * 24, 1.0, results, regime=0)

    frozen = learner.adapt(99, frozen="frozen by hand")

    assert frozen is not None
    assert naming(frozen, learner.memory.weights, learner.memory.mix, ("calm", "wild")).reason == "frozen by hand"
    assert weighed_for(replace(frozen, verdict="rolled_back"), []) == ""
