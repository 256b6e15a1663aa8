"""Blocks: the interval is Student's where bars are independent, and holds where they are not."""

import math

import numpy as np
import pytest

from ml_service.domain.market.candles import Floats
from ml_service.domain.market.regime_blocks import PIECES_MIN, block_sums, estimated
from ml_service.domain.statistics.estimate import Estimate
from ml_service.domain.statistics.student import student_quantile


def mean(sums: Floats) -> Floats:
    value: Floats = sums[..., 1] / sums[..., 0]
    return value


def mean_of(values: Floats, block_bars: int) -> Estimate | None:
    return estimated(mean, block_sums(np.column_stack((np.ones(values.size), values)), block_bars))


def test_the_last_block_holds_what_is_left() -> None:
    assert block_sums(np.arange(7.0)[:, None], 3).ravel().tolist() == [3.0, 12.0, 6.0]


def test_with_one_bar_a_block_it_is_students_interval_of_the_mean() -> None:
    values = np.random.default_rng(0).standard_normal(40)
    half = student_quantile(39) * values.std(ddof=1) / math.sqrt(40)

    found = mean_of(values, 1)

    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx(
        (values.mean(), values.mean() - half, values.mean() + half)
    )


def test_it_holds_for_bars_that_depend_on_each_other_where_single_bars_do_not() -> None:
    random = np.random.default_rng(1)
    held = {1: 0, 400: 0}
    for _ in range(200):
        # Moods of forty bars: the true mean is 0.
        values = np.repeat(random.standard_normal(400), 40) + random.standard_normal(16_000)
        for block_bars in held:
            found = mean_of(values, block_bars)
            assert found is not None
            assert found.low is not None
            assert found.high is not None
            held[block_bars] += found.low <= 0.0 <= found.high

    assert held[400] / 200 == pytest.approx(0.95, abs=0.04)
    assert held[1] / 200 < 0.6


def test_too_few_blocks_give_a_figure_without_an_interval() -> None:
    values = np.arange(float(PIECES_MIN - 1))

    assert mean_of(values, 1) == Estimate(values.mean())


def test_nothing_gives_no_figure() -> None:
    assert mean_of(np.empty(0), 5) is None
    assert estimated(mean, np.zeros((20, 2))) is None


def test_blocks_without_a_bar_do_not_count_as_pieces() -> None:
    sums = np.zeros((50, 2))
    sums[: PIECES_MIN - 1] = (1.0, 2.0)

    assert estimated(mean, sums) == Estimate(2.0)
