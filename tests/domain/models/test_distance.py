"""Distance: near what was trained on, far from what was not, and missing values take no part."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ml_service.domain.models.distance import distances, nearness


def rows(count: int = 2_000) -> NDArray[np.float32]:
    random = np.random.default_rng(1)
    found = random.normal(size=(count, 4)) * np.array([1.0, 10.0, 0.001, 1.0])
    found[:, 3] = np.nan
    return np.asarray(found, np.float32)


def test_training_rows_lie_within_the_limit_and_others_beyond() -> None:
    near = nearness(rows())
    strange = np.array([[12, 0, 0, np.nan], [0, 120, 0, np.nan], [0, 0, 0.012, np.nan]], np.float32)

    assert (distances(rows(), near) <= near.limit).mean() > 0.999
    assert (distances(strange, near) > near.limit).all()


def test_it_is_the_usual_distance_where_features_do_not_hang_together() -> None:
    plain = nearness(rows(200_000)).plain
    one, both = plain.of(np.array([[1, 0, 0, np.nan], [1, 10, 0, np.nan]]))

    assert both / one == pytest.approx(2**0.5, rel=0.02)


def test_a_missing_value_and_one_that_was_never_there_take_no_part() -> None:
    near = nearness(rows())

    assert distances(np.array([[np.nan, 0, 0, 5]], np.float32), near) < 0.1
    for one in (near.plain, near.held):
        assert one.mean[3] == 0.0
        assert not one.inverse[3].any()


def test_features_that_say_the_same_or_never_vary_do_no_harm() -> None:
    one = rows()
    twins = np.column_stack((one[:, 0], one[:, 0], np.full(len(one), 7.0, np.float32)))
    near = nearness(twins)

    assert np.isfinite(near.plain.inverse).all()
    assert np.isfinite(near.held.inverse).all()
    assert (distances(twins, near) <= 1.0).mean() == pytest.approx(0.999, abs=0.002)


def wild(count: int = 4_000) -> NDArray[np.float32]:
    """Eight features that hang together by pairs, with the tails that market data has."""
    random = np.random.default_rng(2)
    common = np.repeat(random.standard_t(3.0, (count, 4)), 2, axis=1)
    return np.asarray(common + 0.3 * random.standard_t(3.0, (count, 8)), np.float32)


def test_features_that_contradict_each_other_are_far_also_where_tails_are_long() -> None:
    near, later = nearness(wild()[:3_000]), wild()[3_000:]
    torn = later.copy()
    torn[:, 1::2] = -torn[:, ::2]

    found = (distances(torn, near) > near.limit).mean()

    assert (distances(later, near) > near.limit).mean() < 0.005
    assert found > 0.1
    assert found > 4.0 * (near.plain.of(torn.astype(np.float64)) > near.limit).mean()


def test_one_value_that_is_much_too_large_is_far() -> None:
    near, rows = nearness(wild()), wild()
    rows[:, 0] = 100.0

    assert (distances(rows, near) > near.limit).mean() > 0.99
