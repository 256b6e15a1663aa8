"""A column in figures: against figures worked out the long way, and silent where there is too little to say."""

from itertools import pairwise

import numpy as np
import pytest

from ml_service.domain.market.candles import Floats
from ml_service.domain.report.columns import BINS, QUANTILES, Column, column_figures

HOUR_MS = 3_600_000


def figures(values: Floats, **gap: int) -> Column:
    at = HOUR_MS * np.arange(values.size)
    if gap:
        at[gap["after"] :] += HOUR_MS
    return column_figures(values, at, HOUR_MS)


def test_quantiles_and_bins_count_what_is_told() -> None:
    values = np.random.default_rng(1).standard_t(3, 5_000)
    holes = np.where(np.arange(values.size) % 7 == 0, np.nan, values)
    told = holes[~np.isnan(holes)]

    found = figures(holes)

    assert (found.bars, found.told) == (5_000, told.size)
    assert found.quantiles == pytest.approx(np.quantile(told, QUANTILES), abs=1e-12)
    assert found.histogram is not None
    counts, _ = np.histogram(told, bins=BINS, range=(found.histogram.low, found.histogram.high))
    assert found.histogram.counts == tuple(counts)
    assert sum(found.histogram.counts) + found.histogram.below + found.histogram.above == told.size
    assert found.histogram.below == np.count_nonzero(told < found.quantiles[0])  # type: ignore[index]  # it is told


def test_a_column_that_wanders_off_is_seen_and_one_that_stays_is_not() -> None:
    stays = np.random.default_rng(2).normal(0.0, 1.0, 3_000)
    wanders = stays + np.linspace(0.0, 3.0, 3_000)

    low, high = np.quantile(wanders, (0.25, 0.75))
    moved = (np.median(wanders[2_000:]) - np.median(wanders[:1_000])) / (high - low)
    assert figures(wanders).drift == pytest.approx(moved)
    assert moved > 1.0
    assert figures(stays).drift == pytest.approx(0.0, abs=0.1)


def test_autocorrelation_is_that_of_neighbours_and_looks_over_no_gap() -> None:
    random = np.random.default_rng(3)
    one, other = random.normal(0.0, 1.0, 200), random.normal(50.0, 1.0, 200)
    values = np.concatenate((one, other))

    found = figures(values, after=200)

    pairs = [*pairwise(one), *pairwise(other)]
    before, after = np.array(pairs).T
    assert found.autocorrelation == pytest.approx(np.corrcoef(before, after)[0, 1])


@pytest.mark.parametrize("values", [np.full(500, np.nan), np.empty(0)])
def test_nothing_told_is_nothing_said(values: Floats) -> None:
    assert figures(values) == Column(values.size, 0, None, None, None, None)


def test_a_column_that_never_varies_has_one_bin_and_neither_drift_nor_autocorrelation() -> None:
    found = figures(np.full(500, 0.1))

    assert found.histogram is not None
    assert found.histogram.counts == (500,)
    assert (found.drift, found.autocorrelation) == (None, None)
