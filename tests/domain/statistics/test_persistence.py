"""Persistence: the memory of series whose memory is known."""

from itertools import accumulate

import numpy as np
import pytest

from ml_service.domain.statistics.persistence import Persistence, persistence


def series(phi: float, rows: int = 50_000) -> np.ndarray:
    noise = np.random.default_rng(3).normal(size=rows).tolist()
    return np.array(list(accumulate(noise, lambda before, fresh: phi * before + fresh)))


def test_an_autoregression_remembers_as_theory_has_it() -> None:
    phi = 0.8
    found = persistence(series(phi))

    spread, reach = 1.0 / (1.0 - phi) ** 2, 2.0 * phi / (1.0 - phi**2) / (1.0 - phi) ** 2
    assert found.spread == pytest.approx(spread, rel=0.1)
    assert found.reach == pytest.approx(reach, rel=0.25)
    assert found.block_rows(8_000) == pytest.approx((1.5 * (reach / spread) ** 2 * 8_000) ** (1 / 3), rel=0.15)


def test_independent_rows_and_constant_ones_remember_nothing() -> None:
    assert persistence(series(0.0)).block_rows(50_000) <= 2
    assert persistence(np.full(100, 3.0)) == Persistence(0.0, 0.0)
    assert persistence(np.array([1.0])) == Persistence(0.0, 0.0)
    assert Persistence(0.0, 0.0).block_rows(100) == 1
    assert Persistence(0.0, 0.0).widening(10) == 1.0


def test_what_blocks_cut_apart_is_made_up_for_but_never_beyond_all_bounds() -> None:
    assert Persistence(spread=4.0, reach=8.0).widening(8) == pytest.approx((1.0 / 0.75) ** 0.5)
    assert Persistence(spread=4.0, reach=8.0).widening(1) == pytest.approx(2.0**0.5)
    assert Persistence(spread=4.0, reach=-8.0).widening(8) == 1.0
