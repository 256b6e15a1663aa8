"""The composite score: bounded, smooth, and silent about what is not known."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.adaptation import SCORE_WEIGHTS
from ml_service.domain.performance.days import by_day
from ml_service.domain.performance.performance import Performance, performance
from ml_service.domain.performance.score import amount, balance, score
from ml_service.domain.performance.trade import ClosedTrade
from tests.domain.performance.histories import ANY, returned, trade, trades


def of(*percent: float) -> Performance:
    return performance(by_day(returned(*percent)))


def value(made: Performance) -> float:
    scored = score(made)
    assert scored is not None
    return scored.value


def test_no_data_is_not_a_bad_score() -> None:
    assert score(performance(())) is None


def test_every_weight_has_its_part() -> None:
    scored = score(of(1.0, -2.0, 3.0))

    assert scored is not None
    assert set(scored.parts) == set(SCORE_WEIGHTS)
    assert scored.missing == ()


def test_the_weights_are_applied_and_the_range_is_made_0_to_1() -> None:
    made = of(1.0, -2.0, 3.0)
    scored = score(made)

    assert scored is not None
    part = scored.parts
    reached = 0.3 * part["total_return"] + 0.25 * part["sharpe_ratio"] + 0.2 * part["win_rate"]
    reached -= 0.15 * part["max_drawdown"] + 0.1 * part["volatility"]
    assert scored.value == pytest.approx(reached + 0.25)


def test_what_is_unknown_is_named_and_the_others_share_its_weight() -> None:
    scored = score(performance(by_day([trade(1.0), trade(1.0)])))

    assert scored is not None
    assert scored.value == scored.parts["win_rate"] == 1.0
    assert scored.missing == ("total_return", "sharpe_ratio", "max_drawdown", "volatility")


def test_without_any_known_part_there_is_no_score() -> None:
    assert score(of(1.0, -2.0), weights={}) is None
    assert score(of(1.0, -2.0), weights={"win_rate": 0.0}) is None


def test_weights_may_be_set() -> None:
    scored = score(of(1.0, -2.0, 3.0), weights={"win_rate": 7.0})

    assert scored is not None
    assert scored.value == pytest.approx(2 / 3)


def test_gaining_scores_above_losing() -> None:
    assert value(of(2.0, 1.0, -1.0, 3.0)) > 0.5 > value(of(-2.0, -1.0, 1.0, -3.0))


@given(trades(ANY))
def test_a_score_lies_between_0_and_1(history: list[ClosedTrade]) -> None:
    scored = score(performance(by_day(history)))

    if scored is not None:
        assert 0.0 <= scored.value <= 1.0
        assert all(0.0 <= part <= 1.0 for part in scored.parts.values())


@given(st.floats(-20, 20), st.floats(0.1, 5))
def test_more_of_the_good_never_scores_less(ratio: float, more: float) -> None:
    made = of(1.0, -2.0, 3.0)

    assert value(replace(made, sharpe_ratio=ratio + more)) > value(replace(made, sharpe_ratio=ratio))


@given(st.floats(0, 500), st.floats(0.1, 50))
def test_more_of_the_bad_never_scores_more(volatility: float, more: float) -> None:
    made = of(1.0, -2.0, 3.0)

    assert value(replace(made, volatility_percent=volatility + more)) < value(
        replace(made, volatility_percent=volatility)
    )


def test_half_the_way_is_where_it_is_said_to_be() -> None:
    assert (amount(0.0, 20.0), amount(20.0, 20.0)) == (0.0, 0.5)
    assert (balance(0.0, 2.0), balance(2.0, 2.0), balance(-2.0, 2.0)) == (0.5, 0.75, 0.25)
