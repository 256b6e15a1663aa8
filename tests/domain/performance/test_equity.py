"""Drawdowns of daily equity, compared with empyrical and quantstats."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.performance.equity import Drawdown, drawdown
from tests.domain.performance.near import about
from tests.domain.performance.vectors import VECTORS


def fell(*returns: float) -> Drawdown:
    made = drawdown(np.array(returns, dtype=float))
    assert made is not None
    return made


@pytest.mark.parametrize("library", ["empyrical", "quantstats"])
@pytest.mark.parametrize("known", VECTORS["series"], ids=lambda known: known["name"])
def test_the_depth_is_that_of_the_libraries(known: dict[str, Any], library: str) -> None:
    assert fell(*known["returns"]).percent == pytest.approx(-100.0 * known[library]["max_drawdown"], rel=1e-9)


# quantstats finds no drawdown at all in a series that is under water from its first day to its last.
WITH_A_PEAK = [known for known in VECTORS["series"] if known["name"] != "only losses"]


@pytest.mark.parametrize("known", WITH_A_PEAK, ids=lambda known: known["name"])
def test_the_days_under_water_are_those_of_quantstats(known: dict[str, Any]) -> None:
    made = fell(*known["returns"])

    assert made.days == known["quantstats"]["drawdown_days"]
    assert made.days_max == known["quantstats"]["drawdown_days_max"]


def test_nothing_but_losses_is_one_drawdown_that_lasts() -> None:
    made = fell(-0.5, -0.5)

    assert made == Drawdown(percent=about(75.0), days=2, lasts=True, days_max=2, percent_now=about(75.0), days_now=2)


def test_the_deepest_may_be_over_while_another_lasts() -> None:
    made = fell(-0.5, 1.5, -0.1, -0.1, 0.0)

    assert (made.days, made.lasts, made.days_max, made.days_now) == (1, False, 3, 3)
    assert made.percent_now == pytest.approx(19.0)


def test_without_a_fall_it_is_0() -> None:
    assert fell(0.1, 0.0, 0.1) == Drawdown(0.0, 0, False, 0, 0.0, 0)


def test_coming_back_to_the_peak_ends_it() -> None:
    assert fell(-0.2, 0.25, 0.0).days_now == 0


def test_after_losing_everything_it_is_100_percent_for_good() -> None:
    made = fell(0.1, -1.0, 0.5)

    assert (made.percent, made.days_now, made.lasts) == (100.0, 2, True)


def test_of_no_day_nothing_is_known() -> None:
    assert drawdown(np.empty(0)) is None


@given(st.lists(st.floats(-0.9, 2.0), min_size=1, max_size=30))
def test_it_lies_between_0_and_100_percent_and_within_the_days(returns: list[float]) -> None:
    made = fell(*returns)

    assert 0.0 <= made.percent_now <= made.percent <= 100.0
    assert 0 <= made.days <= made.days_max <= len(returns)
    assert made.days_now <= made.days_max
