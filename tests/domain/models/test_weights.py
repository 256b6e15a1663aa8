"""Weights: they begin with the priors, move by what was proved, in small steps, and silence nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.models.slots import EVERY
from ml_service.domain.models.weights import Skill, Weighing, moved, priors


def test_four_members_begin_with_the_published_priors() -> None:
    found = priors(("logistic", "forest", "lstm", "xgboost"))

    assert found["trending"].weights == pytest.approx((0.20, 0.25, 0.35, 0.20))
    assert found["volatile"].weights == pytest.approx((0.25, 0.30, 0.30, 0.15))
    assert found["consolidation"] == found["sideways"]
    assert found[EVERY].weights == pytest.approx((0.2625, 0.2375, 0.2625, 0.2375))


def test_a_member_without_a_prior_has_the_mean_of_the_others() -> None:
    found = priors(("xgboost", "lightgbm"))["trending"].weights

    assert found == pytest.approx((0.20 / 0.45, 0.25 / 0.45))


def test_what_is_surely_better_gains_a_fifth_and_what_is_not_told_apart_stays() -> None:
    before = Weighing((0.5, 0.5))

    sure = moved(before, [Skill(0.01, 0.002, 500), Skill(-0.01, 0.002, 500)])
    luck = moved(before, [Skill(0.01, 1.0, 500), Skill(-0.01, 1.0, 500)])

    assert sure.weights == pytest.approx((0.6, 0.4))
    assert luck.weights == pytest.approx((0.5, 0.5), abs=0.001)
    assert (sure.source, sure.steps, sure.rows) == ("moved", 1, 500)


def test_without_any_skill_known_nothing_moves() -> None:
    assert moved(Weighing((0.3, 0.7)), [None, None]) == Weighing((0.3, 0.7))


skills = st.one_of(st.none(), st.builds(Skill, st.floats(-1, 1), st.floats(0, 1), st.integers(0, 1_000)))


@given(st.lists(skills, min_size=1, max_size=7), st.integers(1, 30))
def test_nobody_is_silenced_and_all_add_up_to_one(told: list[Skill | None], steps: int) -> None:
    weighing = Weighing(tuple(1.0 / len(told) for _ in told))
    for _ in range(steps):
        weighing = moved(weighing, told)

    floor = min(0.1, 0.5 / len(told))
    assert sum(weighing.weights) == pytest.approx(1.0)
    assert min(weighing.weights) >= floor / (1.0 + floor * len(told)) - 1e-9
