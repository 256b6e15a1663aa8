"""Series: the equity curve and rolling figures."""

import numpy as np
import pytest
from hypothesis import given

from ml_service.domain.performance.days import by_day
from ml_service.domain.performance.performance import performance
from ml_service.domain.performance.series import EquityPoint, RollingPoint, equity_curve, rolling
from ml_service.domain.performance.trade import ClosedTrade
from tests.domain.performance.histories import ANY, DAY, returned, trade, trades
from tests.domain.performance.near import about, near


def test_the_curve_has_a_point_for_each_day_with_trades() -> None:
    curve = equity_curve(by_day([trade(5.0, pnl_percent=50.0), trade(-3.0, day=2, pnl_percent=-10.0)]))

    assert curve == (
        EquityPoint(DAY, 5.0, about(1.5), 0.0),
        EquityPoint(DAY + 2, 2.0, about(1.35), about(10.0)),
    )


def test_the_curve_leaves_profit_out_where_none_is_known() -> None:
    (point,) = equity_curve(by_day([trade(None, pnl_percent=1.0)]))

    assert point.pnl is None


def test_nothing_known_draws_no_curve() -> None:
    assert equity_curve(()) == ()
    assert equity_curve(by_day([trade(1.0)])) == ()


@pytest.mark.filterwarnings("error")
def test_a_curve_that_leaves_the_range_of_a_number_goes_on_without_it() -> None:
    curve = equity_curve(by_day(returned(*[100.0] * 1100)))

    assert (curve[0].equity, curve[-1].equity, curve[-1].drawdown_percent) == (about(2.0), None, 0.0)


@given(trades(ANY))
def test_the_curve_ends_where_performance_says(history: list[ClosedTrade]) -> None:
    days = by_day(history)
    curve, made = equity_curve(days), performance(days)

    if curve and made.drawdown:
        assert curve[-1].drawdown_percent == pytest.approx(made.drawdown.percent_now, abs=1e-9)
        assert max(point.drawdown_percent for point in curve) == pytest.approx(made.drawdown.percent, abs=1e-9)
        assert curve[-1].equity == pytest.approx(1.0 + (made.compounded_return_percent or 0.0) / 100.0)


def test_a_point_stands_for_the_window_that_ends_there() -> None:
    points = rolling(by_day(returned(1.0, 2.0, -4.0)), 2)

    assert points == (
        RollingPoint(DAY + 1, 3.0, 1.0, about(0.015 / np.std([0.01, 0.02], ddof=1) * 365**0.5)),
        RollingPoint(DAY + 2, -2.0, 0.5, about(-0.01 / np.std([0.02, -0.04], ddof=1) * 365**0.5)),
    )


def test_a_window_without_trades_returned_nothing_and_won_no_share() -> None:
    points = rolling(by_day([trade(pnl_percent=1.0), trade(day=3, pnl_percent=1.0)]), 2)

    assert points[1] == RollingPoint(DAY + 2, 0.0, None, None)


def test_a_history_shorter_than_the_window_has_no_point() -> None:
    assert rolling(by_day(returned(1.0, 2.0)), 3) == ()
    assert rolling((), 3) == ()


@given(trades(ANY))
def test_the_widest_window_says_what_performance_says(history: list[ClosedTrade]) -> None:
    known = by_day(made for made in history if made.pnl_percent is not None)
    made = performance(known)
    if made.days < 2:
        return

    (point,) = rolling(known, made.days)

    assert point.return_percent == pytest.approx(made.total_return_percent, abs=1e-9)
    assert made.win_rate is not None
    assert point.win_rate == pytest.approx(made.win_rate.value)
    assert near(point.sharpe_ratio, made.sharpe_ratio, rel=1e-6)
