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

    assert (distances(rows(), near.mean, near.inverse) <= near.limit).mean() > 0.999
    assert (distances(strange, near.mean, near.inverse) > near.limit).all()


def test_it_is_the_usual_distance_where_features_do_not_hang_together() -> None:
    near = nearness(rows(200_000))
    at = np.array([[1, 0, 0, np.nan], [1, 10, 0, np.nan]], np.float32)

    assert distances(at, near.mean, near.inverse) == pytest.approx([1.0, 2**0.5], rel=0.02)


def test_a_missing_value_and_one_that_was_never_there_take_no_part() -> None:
    near = nearness(rows())

    assert distances(np.array([[np.nan, 0, 0, 5]], np.float32), near.mean, near.inverse) < 0.1
    assert near.mean[3] == 0.0
    assert not near.inverse[3].any()


def test_features_that_say_the_same_or_never_vary_do_no_harm() -> None:
    one = rows()
    twins = np.column_stack((one[:, 0], one[:, 0], np.full(len(one), 7.0, np.float32)))
    near = nearness(twins)

    assert np.isfinite(near.inverse).all()
    assert 0.0 < near.limit < 20.0
