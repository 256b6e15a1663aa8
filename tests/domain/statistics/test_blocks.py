"""Blocks: intervals that know of overlap, and none where there is too little."""

from functools import partial

import numpy as np
import pytest

from ml_service.domain.models.metrics import mean
from ml_service.domain.statistics.blocks import block_rows, draws, estimated, standard_error


def test_each_draw_has_as_many_rows_as_there_are_up_to_a_block() -> None:
    for often in draws(103, 10, seed=1, count=20):
        assert often.min() >= 0.0
        assert often.sum() == 110


def overlapping(seed: int, rows: int = 4_000, overlap: int = 20) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=rows + overlap)
    sums = np.cumsum(noise)
    found: np.ndarray = sums[overlap:] - sums[:-overlap]
    return found


def test_the_interval_of_overlapping_rows_holds_the_truth_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(60):
        values = overlapping(seed)
        found = estimated(partial(mean, values), values.size, 20, count=200)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.0 <= found.high

    assert held >= 50


def test_the_standard_error_is_that_of_the_mean() -> None:
    means = [overlapping(seed).mean() for seed in range(200)]
    told = np.mean([standard_error(overlapping(seed), 20) for seed in range(20)])

    assert told == pytest.approx(np.std(means), rel=0.2)


def test_too_few_blocks_have_no_interval() -> None:
    found = estimated(lambda often: 1.0, 100, 50)

    assert (found.value, found.low, found.high) == (1.0, None, None)
    assert np.isnan(standard_error(np.ones(100), 50))
    assert block_rows(1_000, 1) == 10
