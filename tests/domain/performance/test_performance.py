"""Performance: what is said about a history, and that it is the same from roll-ups as from rows."""

from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.performance.days import by_day
from ml_service.domain.performance.performance import Performance, Results, performance, performance_of_trades
from ml_service.domain.performance.trade import ClosedTrade
from ml_service.domain.statistics.estimate import Estimate
from tests.domain.performance.histories import ANY, returned, trade, trades
from tests.domain.performance.near import near
from tests.domain.performance.vectors import VECTORS

HOUR_MS = 3_600_000
UNKNOWN = Results(0, None, None, None, None, None, None, None)


def of(*history: ClosedTrade) -> Performance:
    return performance(by_day(history))


def numbers(value: Any) -> list[Any]:
    if is_dataclass(value):
        return [number for field in fields(value) for number in numbers(getattr(value, field.name))]
    return [value]


def test_an_empty_history_is_unknown_not_bad() -> None:
    made = of()

    assert (made.total_trades, made.days, made.streak) == (0, 0, 0)
    assert (made.total_pnl, made.total_return_percent, made.win_rate) == (None, None, None)
    assert (made.pnl, made.percent, made.r) == (UNKNOWN, UNKNOWN, UNKNOWN)
    assert (made.sharpe_ratio, made.sortino_ratio, made.calmar_ratio, made.volatility_percent) == (None,) * 4
    assert (made.drawdown, made.drawdown_pnl, made.exposure, made.sharpe_probability) == (None,) * 4


def test_totals_rates_and_averages() -> None:
    made = of(trade(30.0, r=3.0), trade(-10.0, day=1, r=-1.0), trade(10.0, day=2), trade(0.0, day=3))

    assert (made.total_trades, made.total_pnl, made.wins, made.losses, made.ties) == (4, 30.0, 2, 1, 1)
    assert made.win_rate is not None
    assert made.win_rate.value == 0.5
    assert (made.pnl.average_win, made.pnl.average_loss, made.pnl.profit_factor) == (20.0, -10.0, 4.0)
    assert (made.pnl.best, made.pnl.worst) == (30.0, -10.0)
    assert (made.r.known, made.r.total) == (2, 2.0)
    assert made.r.expectancy is not None
    assert made.r.expectancy.value == 1.0
    assert made.percent == UNKNOWN


def test_without_a_loss_there_is_no_profit_factor() -> None:
    assert of(trade(1.0)).pnl.profit_factor is None


def test_expectancy_has_its_interval_from_the_second_day_on() -> None:
    assert of(trade(1.0), trade(3.0)).pnl.expectancy == Estimate(2.0)

    two = of(trade(1.0), trade(3.0, day=1)).pnl.expectancy
    assert two is not None
    assert (two.low, two.high) == pytest.approx((2.0 - 12.7062047, 2.0 + 12.7062047))


def test_one_stake_is_added_and_all_of_it_compounded() -> None:
    made = of(*returned(10.0, -10.0))

    assert made.total_return_percent == 0.0
    assert made.compounded_return_percent == pytest.approx(-1.0)


@pytest.mark.parametrize("library", ["empyrical", "quantstats"])
@pytest.mark.parametrize("known", VECTORS["series"], ids=lambda known: known["name"])
def test_a_trade_a_day_gives_the_figures_of_the_libraries(known: dict[str, Any], library: str) -> None:
    made = of(*returned(*(100.0 * fraction for fraction in known["returns"])))
    theirs = known[library]

    assert near(made.sharpe_ratio, theirs["sharpe_ratio"])
    assert near(made.sortino_ratio, theirs["sortino_ratio"])
    assert near(made.calmar_ratio, theirs["calmar_ratio"])
    assert made.volatility_percent == pytest.approx(100 * theirs["volatility"], rel=1e-9)
    assert made.compounded_return_percent == pytest.approx(100 * theirs["total_return"], rel=1e-9)
    assert made.annual_return_percent == pytest.approx(100 * theirs["annual_return"], rel=1e-9)
    assert made.drawdown is not None
    assert made.drawdown.percent == pytest.approx(-100 * theirs["max_drawdown"], rel=1e-9)


@pytest.mark.parametrize("known", VECTORS["series"], ids=lambda known: known["name"])
def test_averages_and_streaks_are_those_of_quantstats(known: dict[str, Any]) -> None:
    # To quantstats a day that returned 0 is none that was traded on, so streaks go on across it.
    made = of(*(one for one in returned(*(100.0 * fraction for fraction in known["returns"])) if one.pnl))
    theirs = known["quantstats"]

    assert near(made.percent.average_win, scaled(theirs["average_win"]))
    assert near(made.percent.average_loss, scaled(theirs["average_loss"]))
    assert near(made.percent.profit_factor, theirs["profit_factor"])
    if 0.0 not in known["returns"]:
        assert (made.wins_streak_max, made.losses_streak_max) == (theirs["wins_max"], theirs["losses_max"])


def scaled(fraction: float | None) -> float | None:
    return None if fraction is None else 100.0 * fraction


def test_drawdown_in_money_is_seen_between_trades_of_one_day() -> None:
    made = of(trade(10.0, day=0.1), trade(-30.0, day=0.2), trade(25.0, day=0.3))

    assert made.drawdown_pnl == 30.0


def test_streaks_tell_the_longest_and_the_one_it_ends_with() -> None:
    made = of(*(trade(pnl, day=number) for number, pnl in enumerate([1, 1, 1, -1, 1, -1, -1])))

    assert (made.wins_streak_max, made.losses_streak_max, made.streak) == (3, 2, -2)


def test_exposure_is_the_share_of_time_in_the_market() -> None:
    made = of(
        trade(day=0.5, held_ms=3 * HOUR_MS, notional=100.0),
        trade(day=0.5 + 9 / 24, held_ms=3 * HOUR_MS, notional=300.0),
    )

    # Twelve hours from the first opening to the last close, six of them with a position.
    assert made.exposure == 0.5
    assert made.exposure_notional == 100.0


def test_a_trade_of_another_year_whose_times_are_unknown_dilutes_no_exposure() -> None:
    assert of(trade(day=-400), trade(held_ms=HOUR_MS)).exposure == 1.0


def test_exposure_is_unknown_where_no_time_is() -> None:
    assert of(trade(), trade(day=1)).exposure is None


def test_quarantined_trades_count_in_trades_and_profit() -> None:
    made = of(trade(5.0), trade(7.0, quarantined=True))

    assert (made.total_trades, made.quarantined, made.total_pnl) == (2, 1, 12.0)


def test_what_is_too_large_for_a_number_is_unknown() -> None:
    made = of(trade(1e308), trade(1e308), trade(1e308, day=1))

    assert (made.total_pnl, made.pnl.expectancy, made.pnl.best) == (None, None, 1e308)


@pytest.mark.parametrize("days", [252, 365])
def test_the_days_of_a_year_may_be_told(days: int) -> None:
    history = by_day(returned(1.0, -2.0, 3.0))

    assert performance(history, days).sharpe_ratio == pytest.approx(
        (2 / 3) / 2.5166114784235836 * days**0.5
    )  # the mean and the deviation of 1, -2 and 3


@given(trades(ANY))
def test_roll_ups_say_what_the_rows_say(history: list[ClosedTrade]) -> None:
    assert near(numbers(performance(by_day(history))), numbers(performance_of_trades(history)))


@given(trades(ANY))
def test_every_number_is_finite(history: list[ClosedTrade]) -> None:
    made = numbers(of(*history))

    assert [number for number in made if number is not None and number - number != 0] == []


@given(st.lists(st.floats(-50, 50).filter(lambda pnl: abs(pnl) > 1e-9), min_size=1, max_size=20), st.floats(0.01, 100))
def test_the_currency_changes_no_ratio(profits: list[float], rate: float) -> None:
    here = of(*(trade(pnl, day=number) for number, pnl in enumerate(profits)))
    abroad = of(*(trade(pnl * rate, day=number) for number, pnl in enumerate(profits)))

    assert here.win_rate == abroad.win_rate
    assert near(here.pnl.profit_factor, abroad.pnl.profit_factor)
