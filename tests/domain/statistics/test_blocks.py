"""Blocks: intervals that know of overlap, and none where there is too little."""

from collections.abc import Callable
from functools import partial
from itertools import accumulate

import numpy as np
import pytest

from ml_service.domain.models.metrics import mean
from ml_service.domain.statistics.blocks import blocks_of, draws, estimated, few, standard_error


def test_each_draw_has_as_many_rows_as_there_are_up_to_a_block() -> None:
    for often in draws(103, 10, seed=1, count=20):
        assert often.min() >= 0.0
        assert often.sum() == 110


def overlapping(seed: int, rows: int = 4_000, overlap: int = 20) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=rows + overlap)
    sums = np.cumsum(noise)
    found: np.ndarray = sums[overlap:] - sums[:-overlap]
    return found


def remembering(seed: int, rows: int = 6_000, phi: float = 0.95) -> np.ndarray:
    """Each row keeps that share of the one before it."""
    noise = np.random.default_rng(seed).normal(size=rows + 200).tolist()
    found = list(accumulate(noise, lambda before, fresh: phi * before + fresh))
    return np.array(found[200:])


def test_the_interval_of_overlapping_rows_holds_the_truth_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(60):
        values = overlapping(seed)
        found = estimated(partial(mean, values), values, 20, count=200)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.0 <= found.high

    assert held >= 53


@pytest.mark.parametrize(("made", "overlap"), [(overlapping, 20), (remembering, 12)])
def test_so_does_the_standard_error_also_where_rows_remember_longer_than_labels_overlap(
    made: Callable[[int], np.ndarray], overlap: int
) -> None:
    held = 0
    for seed in range(200):
        values = made(seed)
        blocks = blocks_of(values, overlap)
        assert blocks is not None
        reaches = 1.96 * few(values.size // blocks.length) * standard_error(values, overlap)
        held += abs(values.mean()) <= reaches

    assert 0.92 <= held / 200 <= 0.99


def test_what_remembers_longer_than_its_labels_overlap_has_longer_blocks() -> None:
    independent = np.random.default_rng(1).normal(size=2_000)

    calm, long = blocks_of(independent, 12), blocks_of(remembering(1), 12)

    assert calm is not None
    assert long is not None
    assert calm.length == 24
    assert calm.widening == pytest.approx(1.0, abs=0.05)
    assert 70 <= long.length <= 350
    assert 1.05 <= long.widening <= 1.42


def test_the_standard_error_is_that_of_the_mean() -> None:
    means = [overlapping(seed).mean() for seed in range(200)]
    told = np.mean([standard_error(overlapping(seed), 20) for seed in range(20)])

    assert told == pytest.approx(np.std(means), rel=0.2)


def test_too_few_blocks_have_no_interval() -> None:
    found = estimated(lambda often: 1.0, np.ones(100), 50)

    assert (found.value, found.low, found.high) == (1.0, None, None)
    assert np.isnan(standard_error(np.ones(100), 50))
    assert blocks_of(np.arange(1_000.0) % 2.0, 1) is not None
    assert blocks_of(np.ones(100), 50) is None
