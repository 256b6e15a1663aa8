"""The library's own short cuts say to the last digit what numpy says at length."""

import numpy as np
import pytest

from ml_service.domain.adaptation.learned import quantile
from ml_service.domain.adaptation.library import JITTER_SPREADS, JITTERED, REPLACED, SIZE, heirs, litter


def test_parents_and_jitter_are_what_one_generator_draws_one_after_the_other() -> None:
    weights = np.random.default_rng(0).dirichlet(np.full(SIZE, 0.2))
    chance = litter(7, 2_900, 3)

    lightest, parents = heirs(weights, chance.parents)

    eligible = weights.copy()
    eligible[lightest] = 0.0
    random = np.random.default_rng([7, 1, 2_900])
    expected = random.choice(SIZE, REPLACED, p=eligible / eligible.sum())
    jitter = random.normal(0.0, JITTER_SPREADS, (REPLACED, 3)) * (random.random((REPLACED, 3)) < JITTERED)
    assert parents.tolist() == expected.tolist()
    assert chance.jitter.tolist() == jitter.tolist()


@pytest.mark.parametrize("count", [1, 2, 20, 61, 256])
def test_a_quantile_is_that_of_numpy(count: int) -> None:
    values = np.random.default_rng(count).normal(size=count)

    found = [quantile(np.sort(values), share) for share in (0.25, 0.5, 0.75)]

    assert found == np.quantile(values, [0.25, 0.5, 0.75]).tolist()
