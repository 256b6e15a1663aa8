"""What the training rows say of scale and of missing values."""

import numpy as np
import pytest
import torch

from ml_service.learning.trainers.nets.net import Prepare
from ml_service.learning.trainers.preparation import FARTHEST, preparation_of

NAN = np.nan
ROWS = np.array(
    [
        # varies, sometimes missing, never there, never changes
        [1.0, 5.0, NAN, 3.0],
        [2.0, NAN, NAN, 3.0],
        [3.0, 7.0, NAN, 3.0],
    ],
    np.float32,
)


def test_numbers_are_told_in_standard_deviations_from_the_mean() -> None:
    standard = preparation_of(ROWS).standard(ROWS)

    assert standard[:, 0] == pytest.approx([-(1.5**0.5), 0.0, 1.5**0.5])


def test_a_missing_value_counts_as_the_mean_and_says_that_it_is_missing() -> None:
    standard = preparation_of(ROWS).standard(ROWS)

    assert standard[:, 1] == pytest.approx([-1.0, 0.0, 1.0])
    assert standard[:, 5].tolist() == [0.0, 1.0, 0.0]


def test_a_feature_that_was_never_there_or_never_changed_says_nothing_ever() -> None:
    standard = preparation_of(ROWS).standard(np.array([[2.0, 6.0, 100.0, 100.0]], np.float32))

    assert standard.tolist() == [[0.0] * 8]


def test_a_feature_that_was_never_missing_counts_as_its_mean_when_it_is() -> None:
    preparation = preparation_of(ROWS)
    missing = np.full((1, 4), NAN, np.float32)

    assert preparation.standard(missing)[0, [0, 4]].tolist() == [0.0, 0.0]
    assert preparation.filled(missing)[0].tolist() == pytest.approx([2.0, NAN, NAN, NAN], nan_ok=True)


def test_nothing_counts_as_farther_than_the_farthest() -> None:
    standard = preparation_of(ROWS).standard(np.array([[1e30, -np.inf, 0.0, 0.0]], np.float32))

    assert standard[0, :2].tolist() == [FARTHEST, -FARTHEST]


def test_the_nets_prepare_rows_in_the_same_way() -> None:
    preparation = preparation_of(ROWS)
    strange = np.array([[NAN, NAN, NAN, NAN], [9.0, -9.0, 9.0, -9.0], [1e30, -1e30, np.inf, -np.inf]], np.float32)

    with torch.no_grad():
        told = Prepare(preparation)(torch.tensor(strange)).numpy()

    assert np.array_equal(told, preparation.standard(strange))
