"""Estimates: how far a figure can be trusted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.statistics.estimate import Estimate, clustered_mean, share
from tests.domain.performance.vectors import VECTORS


def mean(sums: list[float], counts: list[int]) -> Estimate | None:
    return clustered_mean(np.array(sums, dtype=float), np.array(counts, dtype=float))


@pytest.mark.parametrize("known", VECTORS["wilson"], ids=str)
def test_the_interval_of_a_share_is_the_one_scipy_gives(known: dict[str, float]) -> None:
    made = share(int(known["wins"]), int(known["count"]))

    assert made is not None
    assert (made.low, made.high) == pytest.approx((known["low"], known["high"]), rel=1e-12)


def test_a_share_of_nothing_is_unknown() -> None:
    assert share(0, 0) is None


@given(st.integers(0, 500), st.integers(1, 500))
def test_a_share_lies_within_its_interval_and_that_within_0_and_1(wins: int, count: int) -> None:
    made = share(min(wins, count), count)

    assert made is not None
    assert made.low is not None
    assert made.high is not None
    assert 0.0 <= made.low <= made.value <= made.high <= 1.0


@pytest.mark.parametrize("known", VECTORS["series"], ids=lambda known: known["name"])
def test_with_one_trade_a_day_the_interval_of_a_mean_is_students(known: dict[str, object]) -> None:
    returns: list[float] = known["returns"]  # type: ignore[assignment]
    scipy: dict[str, float] = known["scipy"]  # type: ignore[assignment]

    made = mean(returns, [1] * len(returns))

    assert made is not None
    assert (made.low, made.high) == pytest.approx((scipy["mean_low"], scipy["mean_high"]), rel=1e-6)


def test_the_mean_is_that_of_the_trades_not_of_the_days() -> None:
    made = mean([10.0, 1.0], [9, 1])

    assert made is not None
    assert made.value == 1.1


def test_a_hundred_trades_that_share_two_days_are_two_pieces_of_evidence() -> None:
    alone = mean([1.0, -1.0] * 50, [1] * 100)
    shared = mean([50.0, -50.0], [50, 50])

    assert alone is not None
    assert shared is not None
    assert alone.high is not None
    assert shared.high is not None
    assert shared.high > 60 * alone.high


def test_one_day_has_no_interval() -> None:
    assert mean([6.0, 0.0], [3, 0]) == Estimate(2.0)


def test_the_mean_of_nothing_is_unknown() -> None:
    assert mean([], []) is None
    assert mean([0.0], [0]) is None


def test_a_multiple_keeps_its_interval() -> None:
    assert Estimate(2.0, 1.0, 3.0).times(10) == Estimate(20.0, 10.0, 30.0)
    assert Estimate(2.0).times(10) == Estimate(20.0)
