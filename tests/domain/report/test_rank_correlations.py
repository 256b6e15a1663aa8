"""Rank correlations: known answers, ties, holes, and every monotone relation alike."""

import numpy as np
import pytest

from ml_service.domain.market.candles import Floats
from ml_service.domain.report.rank_correlations import rank_correlations, ranks


def spearman(one: Floats, other: Floats) -> float:
    """The long way: places by comparing everything with everything."""

    def places(values: Floats) -> Floats:
        below = np.count_nonzero(values[:, None] > values, axis=1)
        same = np.count_nonzero(values[:, None] == values, axis=1)
        return np.asarray(below + 0.5 * (same - 1), np.float64)

    both = ~(np.isnan(one) | np.isnan(other))
    return float(np.corrcoef(places(one[both]), places(other[both]))[0, 1])


def test_equal_values_share_the_mean_of_their_places() -> None:
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0, 3.0])).tolist() == [3.0, 0.0, 3.0, 1.0, 3.0]


def test_a_published_example_comes_out() -> None:
    # IQ against hours of television, from the article on Spearman's coefficient: -29/165. Told four times over, with
    # the ranks kept apart, it stays what it is.
    iq = np.array([106, 100, 86, 101, 99, 103, 97, 113, 112, 110], float)
    hours = np.array([7, 27, 2, 50, 28, 29, 20, 12, 6, 17], float)

    found = rank_correlations(np.array([np.tile(iq, 4), np.tile(hours, 4)]))

    assert found[0, 1] == pytest.approx(-29 / 165)


def test_each_pair_is_worked_out_from_the_rows_that_have_both() -> None:
    random = np.random.default_rng(4)
    columns = np.round(random.normal(0.0, 2.0, (5, 300)) + random.normal(0.0, 2.0, 300))
    columns[1, :40] = np.nan
    columns[2, 20:90] = np.nan
    columns[4, :40] = np.nan

    found = rank_correlations(columns)

    for one in range(5):
        for other in range(5):
            assert found[one, other] == pytest.approx(spearman(columns[one], columns[other])), (one, other)
    assert (found == found.T).all()


def test_a_bent_relation_is_a_full_one_and_what_never_varies_has_none() -> None:
    values = np.random.default_rng(5).normal(0.0, 1.0, 100)

    found = rank_correlations(np.array([values, np.exp(values), -(values**3), np.ones(100)]))

    assert found[0, 1:3].tolist() == pytest.approx([1.0, -1.0])
    assert np.isnan(found[3]).all()
