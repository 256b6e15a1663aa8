"""Columns by day: the same from summaries as from trades, and laid out over the calendar."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given

from ml_service.domain.performance.daily import daily_of_days, daily_of_trades
from ml_service.domain.performance.days import by_day
from ml_service.domain.performance.trade import ClosedTrade
from tests.domain.performance.histories import DAY, EXACT, trade, trades


def returns(*history: ClosedTrade) -> list[float]:
    return list(daily_of_days(by_day(history)).returns())


@given(trades(EXACT))
def test_days_and_trades_give_the_same_columns(history: list[ClosedTrade]) -> None:
    one, other = daily_of_days(by_day(history)), daily_of_trades(history)

    assert one.numbers.tolist() == other.numbers.tolist()
    assert one.growth == pytest.approx(other.growth, rel=1e-12)
    for unit in ("pnl", "percent", "r"):
        for here, there in zip(astuple(getattr(one, unit)), astuple(getattr(other, unit)), strict=True):
            assert np.array_equal(here, there)


def test_days_without_trades_returned_0() -> None:
    assert returns(trade(pnl_percent=1.0), trade(day=3, pnl_percent=-2.0)) == pytest.approx([0.01, 0.0, 0.0, -0.02])


def test_trades_of_one_day_are_compounded() -> None:
    assert returns(trade(pnl_percent=50.0), trade(pnl_percent=10.0)) == pytest.approx([0.65])


def test_days_of_which_no_percent_is_known_are_no_days_at_the_ends() -> None:
    history = [trade(), trade(day=1, pnl_percent=1.0), trade(day=2), trade(day=3, pnl_percent=2.0), trade(day=4)]

    assert returns(*history) == pytest.approx([0.01, 0.0, 0.02])
    assert daily_of_days(by_day(history)).numbers.tolist() == list(range(DAY, DAY + 5))


def test_nothing_known_is_no_series() -> None:
    assert returns(trade(1.0)) == []
    assert daily_of_trades([]).returns().size == 0


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_day_that_grew_out_of_range_leaves_no_series() -> None:
    assert returns(*[trade(pnl_percent=100.0)] * 2000, trade(day=1, pnl_percent=1.0)) == []
