"""Ratios of daily returns, compared with empyrical and quantstats."""

from typing import Any

import numpy as np
import pytest

from ml_service.domain.performance import returns
from ml_service.domain.performance.returns import Returns
from tests.domain.performance.near import near
from tests.domain.performance.vectors import VECTORS

FIGURES = {
    "total_return": returns.compounded,
    "annual_return": returns.annual_return,
    "volatility": returns.volatility,
    "sharpe_ratio": returns.sharpe_ratio,
    "sortino_ratio": returns.sortino_ratio,
}


def series(*values: float) -> Returns:
    return np.array(values, dtype=float)


@pytest.mark.parametrize("library", ["empyrical", "quantstats"])
@pytest.mark.parametrize("known", VECTORS["series"], ids=lambda known: known["name"])
def test_the_figures_are_those_of_the_libraries(known: dict[str, Any], library: str) -> None:
    made = [figure(series(*known["returns"])) for figure in FIGURES.values()]

    assert near(made, [known[library][name] for name in FIGURES])


@pytest.mark.parametrize("known", VECTORS["series"], ids=lambda known: known["name"])
def test_the_probability_of_the_sharpe_ratio_is_that_of_quantstats(known: dict[str, Any]) -> None:
    # Of three days there is none: the tails need four.
    assert near(returns.sharpe_probability(series(*known["returns"])), known["quantstats"]["sharpe_probability"])


@pytest.mark.parametrize(("skew", "kurtosis", "probability"), [(0.0, 3.0, 0.982), (-2.448, 10.164, 0.913)])
def test_the_example_of_the_paper_comes_out(skew: float, kurtosis: float, probability: float) -> None:
    """Two years of a fund, by month: convincing under normality, no longer with its skew and tails."""
    assert returns.probability_above_0(0.458, 24, skew, kurtosis) == pytest.approx(probability, abs=5e-4)


def test_impossible_moments_have_no_probability() -> None:
    assert returns.probability_above_0(1.0, 24, 4.0, 3.0) is None


@pytest.mark.parametrize("figure", [*FIGURES.values(), returns.sharpe_probability])
def test_nothing_is_known_of_no_day(figure: Any) -> None:
    assert figure(series()) is None


@pytest.mark.parametrize("figure", [returns.volatility, returns.sharpe_ratio, returns.sortino_ratio])
def test_one_day_has_no_spread(figure: Any) -> None:
    assert figure(series(-0.01)) is None


@pytest.mark.parametrize("figure", [returns.sharpe_ratio, returns.sharpe_probability])
def test_returns_that_never_differ_are_not_divided_by_rounding(figure: Any) -> None:
    constant = np.full(6, 0.1)

    assert np.std(constant, ddof=1) > 0.0
    assert figure(constant) is None


def test_without_a_day_below_0_there_is_no_sortino_ratio() -> None:
    assert returns.sortino_ratio(series(0.01, 0.0, 0.03)) is None


def test_the_days_of_a_year_may_be_told() -> None:
    daily = series(0.01, -0.02, 0.03)

    assert returns.volatility(daily, 252) == pytest.approx(np.std(daily, ddof=1) * 252**0.5)


def test_a_day_that_lost_everything_ends_it() -> None:
    daily = series(0.5, -1.0, 0.5)

    assert (returns.compounded(daily), returns.annual_return(daily)) == (-1.0, -1.0)


def test_growth_beyond_the_range_of_a_number_is_unknown() -> None:
    assert returns.compounded(np.full(2000, 1.0)) is None
